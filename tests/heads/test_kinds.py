"""Kinds of heads: what a record builds is held against what it says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qgeo.errors import ConfigurationError
from qgeo.heads.classical import SoftmaxHead
from qgeo.heads.kinds import HEADS, HeadKind, HeadSpec
from qgeo.heads.protocol import Head, QuantumHead


@pytest.fixture
def spec() -> HeadSpec:
    generator = torch.Generator().manual_seed(1)
    return HeadSpec(4, 2, 3, circuit="brickwork", qubits=2, layers=1, parameters=20, generator=generator)


@pytest.mark.parametrize("kind", HEADS.values(), ids=list(HEADS))
def test_every_kind_builds_what_its_record_says(kind, spec):
    head = kind(spec)
    assert isinstance(head, Head)
    assert isinstance(head, QuantumHead) == kind.is_quantum


def test_a_module_that_is_no_head_is_refused(spec):
    # Seen to fail: built and trained, until something that it lacks was asked for, with a traceback.
    with pytest.raises(ConfigurationError, match="expected a head with vocabulary, context, log_probs_and"):
        HeadKind("bare", lambda _: nn.Linear(2, 2))(spec)


def test_a_classical_head_that_is_registered_as_quantum_is_refused(spec):
    kind = HeadKind("softmax", lambda spec: SoftmaxHead(spec.vocabulary, spec.context), is_quantum=True)
    with pytest.raises(ConfigurationError, match=r"expected a quantum head of softmax .*, got SoftmaxHead"):
        kind(spec)
