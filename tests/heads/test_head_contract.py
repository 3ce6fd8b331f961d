"""What every head promises: normalised log-probabilities, exact Jacobians, seeds, state, errors.

One suite over the table of heads (`tests/head_cases.py`). The comment in each test names the planted faults
it was seen to fail under, of: factor 2 (in a derivative), smoothing (left out of the Jacobian), fold (of
another order in the Jacobian), order (encoder before circuit in the Jacobian), conjugation (Re ψ∂ψ), seed
(the generator ignored).
"""

from __future__ import annotations

import copy

import head_cases
import pytest
import torch
from head_cases import BUILDERS, autograd_jacobian, build, flat, own, some_contexts
from numpy.testing import assert_allclose
from torch import Tensor, nn

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.born import BornHead, FoldedReadout, OutcomeProbabilities
from qgeo.heads.circuit_head import CircuitHead, choose_circuit
from qgeo.heads.classical import MLPHead, SoftmaxHead
from qgeo.heads.jacobian import count_trainable, flat_parameters
from qgeo.heads.pauli import PauliHead
from qgeo.heads.protocol import Head, QuantumHead

names = pytest.mark.parametrize("name", head_cases.NAMES)
KINDS = {"softmax": SoftmaxHead, "mlp": MLPHead, "born": BornHead, "pauli": PauliHead}
kinds = pytest.mark.parametrize("kind", KINDS)


@names
def test_probabilities_are_normalised(name):
    # Seen to fail under smoothing (1/V added, but (1 − ε) left out).
    head = build(name)
    every = torch.cartesian_prod(*[torch.arange(head.vocabulary)] * head.context)
    log_probs = head(every)
    assert log_probs.shape == (len(every), head.vocabulary)
    assert log_probs.dtype == torch.float64
    assert_allclose(log_probs.exp().sum(1).detach(), torch.ones(len(every)), rtol=1e-12)
    assert_allclose(head(every[3:4])[0].detach(), log_probs[3].detach(), rtol=1e-12)


@names
def test_jacobian_is_the_one_of_autograd(name):
    # Seen to fail under factor 2, smoothing, fold, order, conjugation.
    head = build(name)
    contexts = some_contexts(head, 3)
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    outputs = head(contexts)
    assert jacobian.shape == (3, head.vocabulary, count_trainable(head))
    assert not jacobian.requires_grad
    assert not log_probs.requires_grad
    assert_allclose(log_probs, outputs.detach(), rtol=1e-12, atol=1e-13)
    assert_allclose(jacobian, autograd_jacobian(head, outputs), rtol=1e-9, atol=1e-11)
    assert all(parameter.grad is None for parameter in head.parameters())


class Lookup(nn.Module):
    """An encoder that is none of ours, with a tensor that does not train."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.table = nn.Parameter(torch.randn(4, outputs, generator=generator, dtype=torch.float64))
        self.shift = nn.Parameter(torch.full((outputs,), 0.3, dtype=torch.float64), requires_grad=False)
        self.scale = nn.Parameter(torch.tensor([0.7], dtype=torch.float64))

    def forward(self, contexts: Tensor) -> Tensor:
        return (self.table[contexts].sum(1) + self.shift).tanh() * self.scale


def test_encoder_may_be_any_module():
    # Seen to fail with the columns in the order of the names.
    choice = choose_circuit("reuploading", 2, 2)
    values = torch.linspace(0.2, 1.5, choice.program.num_parameters)
    parts = Lookup(choice.program.num_inputs), OutcomeProbabilities(), FoldedReadout(4, 3, 0.1)
    head = CircuitHead(choice, *parts, vocabulary=3, context=2, values=values)
    contexts = torch.tensor([[0, 1], [2, 2], [3, 0]])
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    assert_allclose(log_probs.exp().sum(1), torch.ones(3), rtol=1e-12)
    assert_allclose(jacobian, autograd_jacobian(head, head(contexts)), rtol=1e-9, atol=1e-11)


@names
def test_probability_is_conserved_by_the_jacobian(name):
    # Seen to fail under conjugation.
    head = build(name)
    log_probs, jacobian = head.log_probs_and_jacobian(some_contexts(head, 4))
    drift = torch.einsum("by,byp->bp", log_probs.exp(), jacobian)
    assert_allclose(drift, torch.zeros_like(drift), atol=1e-12)


@pytest.mark.parametrize("frozen", range(4))
@names
def test_frozen_tensors_have_no_columns(name, frozen):
    # Seen to fail under order.
    head = build(name)
    contexts = some_contexts(head, 2)
    parameters = list(head.parameters())
    _, full = head.log_probs_and_jacobian(contexts)
    chosen = parameters[frozen % len(parameters)]
    kept = torch.cat([torch.full((p.numel(),), p is not chosen) for p in parameters])
    chosen.requires_grad_(False)
    _, jacobian = head.log_probs_and_jacobian(contexts)
    assert_allclose(jacobian, full[..., kept], rtol=1e-12, atol=1e-14)


@names
def test_head_follows_the_protocol(name):
    head = build(name)
    assert isinstance(head, Head)
    assert isinstance(head, QuantumHead) == (name in head_cases.QUANTUM)
    assert torch.equal(flat_parameters(head), flat(own(head)))


@names
def test_state_brings_back_the_same_head(name):
    head, other = build(name, seed=1), BUILDERS[name]()
    contexts = some_contexts(head)
    assert not torch.equal(head(contexts), other(contexts))
    other.load_state_dict(head.state_dict())
    assert torch.equal(head(contexts), other(contexts))
    assert torch.equal(*(h.log_probs_and_jacobian(contexts)[1] for h in (head, other)))


@names
def test_copy_is_a_head_of_its_own(name):
    head = build(name)
    contexts = some_contexts(head)
    before = head(contexts).detach()
    twin = copy.deepcopy(head)
    assert torch.equal(twin(contexts), before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter += 0.2
    assert torch.equal(head(contexts), before)
    assert not torch.equal(twin(contexts), before)


@kinds
def test_construction_is_the_generators(kind):
    # Seen to fail under seed.
    def numbers(seed: int | None) -> torch.Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return flat_parameters(KINDS[kind](4, 2, generator=generator))

    assert torch.equal(numbers(7), numbers(7))
    assert not torch.equal(numbers(7), numbers(8))
    assert torch.equal(numbers(None), numbers(0))


@kinds
def test_construction_leaves_the_global_generator_alone(kind):
    before = torch.get_rng_state()
    KINDS[kind](4, 2)
    assert torch.equal(torch.get_rng_state(), before)


@names
@pytest.mark.parametrize(
    "contexts",
    [torch.zeros(2, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 2)],
    ids=["flat", "too-long", "floats"],
)
def test_contexts_of_another_kind_are_refused(name, contexts):
    head = BUILDERS[name]()
    for call in (head, head.log_probs_and_jacobian):
        with pytest.raises(ShapeError, match=r"\(B, 2\)"):
            call(contexts)


@names
@pytest.mark.parametrize("token", [-1, 7])
def test_tokens_outside_the_vocabulary_are_refused(name, token):
    head = BUILDERS[name]()
    for call in (head, head.log_probs_and_jacobian):
        with pytest.raises(ShapeError, match=f"0 to {head.vocabulary - 1}"):
            call(torch.tensor([[0, token]]))


@kinds
@pytest.mark.parametrize("vocabulary", [1, 0, -3])
def test_vocabulary_of_one_token_is_refused(kind, vocabulary):
    with pytest.raises(ConfigurationError, match=rf"vocabulary.*{vocabulary}"):
        KINDS[kind](vocabulary, 2)


@pytest.mark.parametrize("kind", ["born", "pauli"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"circuit": "hardware-eficient"}, "hardware-efficient.*'hardware-eficient'"),
        ({"num_qubits": 0}, "num_qubits.*0"),
        ({"layers": 0}, "layers.*0"),
        ({"embedding": 0}, "embedding.*0"),
    ],
    ids=["name", "qubits", "layers", "embedding"],
)
def test_options_that_make_no_circuit_head_are_refused(kind, options, message):
    with pytest.raises(ConfigurationError, match=message):
        KINDS[kind](4, 2, **options)


@pytest.mark.parametrize("kind", ["born", "pauli"])
def test_what_is_no_circuit_is_refused(kind):
    from qgeo.errors import QGeoError

    with pytest.raises(QGeoError, match="QuantumCircuit"):
        KINDS[kind](4, 2, circuit=None)
    with pytest.raises(QGeoError, match="gamma"):
        KINDS[kind](4, 2, circuit=head_cases.user_circuit(), input_parameters=["gamma"])


@pytest.mark.parametrize("name", ["born", "pauli", "softmax", "mlp"])
def test_a_head_in_another_precision_and_contexts_that_are_no_tensor_are_said(name):
    # Seen to fail: errors of torch's about m1 and m2, and about arrays without an attribute 'dim'.
    head = build(name)
    contexts = some_contexts(head)
    with pytest.raises(ShapeError, match=r"a torch tensor of shape .*, got ndarray; pass torch.as_tensor"):
        head(contexts.numpy())
    with pytest.raises(ConfigurationError, match=r"float64, got torch.float32.*head.double\(\)"):
        head.float()(contexts)
