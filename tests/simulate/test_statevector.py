"""What differentiates states: torch's own backward, once; torch.func is refused with what to use instead."""

from __future__ import annotations

import pytest
import torch
from qiskit.circuit.library import real_amplitudes

from qgeo import Expectation
from qgeo.errors import ConfigurationError
from qgeo.heads.born import BornHead

ENERGY = Expectation(real_amplitudes(2, reps=1), ["ZI", "XX"])
HEAD = BornHead(4, 1)


def energies(values: torch.Tensor) -> torch.Tensor:
    return torch.func.functional_call(ENERGY, {"values": values}, ())


def log_probs(values: torch.Tensor) -> torch.Tensor:
    return torch.func.functional_call(HEAD, {"values": values}, (torch.tensor([[1], [2]]),))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch's own, of forward mode
@pytest.mark.parametrize("transform", ["jacrev", "jacfwd", "hessian", "vmap", "grad"])
@pytest.mark.parametrize("function", [energies, log_probs])
def test_torch_func_is_refused_in_a_sentence(transform: str, function):
    values = ENERGY.values if function is energies else HEAD.values
    given = values.detach().expand(2, -1) if transform == "vmap" else values.detach()
    called = (lambda each: function(each).sum()) if transform == "grad" else function
    with pytest.raises(ConfigurationError, match=r"use torch\.autograd\.functional\.jacobian"):
        getattr(torch.func, transform)(called)(given)


@pytest.mark.parametrize("function", [energies, log_probs])
def test_what_is_to_be_used_instead_works(function):
    values = ENERGY.values if function is energies else HEAD.values
    jacobian = torch.autograd.functional.jacobian(function, values.detach())
    assert jacobian.shape == (*function(values).shape, len(values))
