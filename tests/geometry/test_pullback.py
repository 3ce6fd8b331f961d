"""The pulled-back F_Q: one joint matrix over circuit and encoder, against states differentiated numerically.

The independent computation knows no tangents and no encoder Jacobian: it moves every trainable number of
the head by itself, looks at the states of each context, and forms 4 Re(⟨∂ψ|∂ψ⟩ − ⟨∂ψ|ψ⟩⟨ψ|∂ψ⟩) with numpy.
Numbers in brackets are the oracles of the project's list. The comment in each test names the planted faults
it was seen to fail under, of: g (without its 4), no phase term, overlap (⟨∂ψ|ψ⟩⟨∂ψ|ψ⟩), conjugation (Re
∂ψ∂ψ), outer mean (E[J]ᵀE[F]E[J] for E[JᵀFJ]), cross (blocks between circuit and encoder left out), sum
(over contexts).
"""

from __future__ import annotations

import head_cases
import numpy as np
import pytest
import torch
from head_cases import build, central_differences, some_contexts
from numpy.testing import assert_allclose

from qgeo.geometry.operators import DenseMatrix
from qgeo.geometry.pullback import pulled_back_fisher
from qgeo.geometry.weight_jacobian import DenseJacobian
from qgeo.heads.born import BornHead
from qgeo.heads.circuit_head import CircuitHead
from qgeo.simulate.tangents import tangent_products

NUMERICAL = {"rtol": 1e-7, "atol": 1e-9}
TIGHT = {"rtol": 1e-10, "atol": 1e-12}


def pulled_back(head: CircuitHead, contexts: torch.Tensor) -> DenseMatrix:
    point = head.circuit_point(contexts)
    ours, data = point.own_columns, point.data_columns
    products = tangent_products(point.program, point.values, point.angles, [*ours, *data], len(ours))
    encoder = point.encoder if data else DenseJacobian(point.encoder.dense()[:, :0])
    return pulled_back_fisher(products, encoder)


def numerical_fisher(head: CircuitHead, contexts: torch.Tensor) -> np.ndarray:
    """Mean over contexts of 4 Re Q, over all trainable numbers of the head."""
    dpsi = central_differences(head, lambda: head.states(contexts))  # (P, B, 2ⁿ)
    psi = head.states(contexts).detach().numpy()
    gram = np.einsum("pbx,qbx->pq", dpsi.conj(), dpsi)
    along = np.einsum("pbx,bx->pb", dpsi.conj(), psi)
    return 4 * (gram - along @ along.conj().T).real / len(psi)


def before_readout(head: CircuitHead) -> CircuitHead:
    """The head with its readout frozen: what is left is circuit and encoder."""
    head.readout.requires_grad_(False)
    return head


FROZEN = {
    "nothing": lambda head: [],  # noqa: ARG005
    "circuit": lambda head: [head.values],
    "encoder": lambda head: list(head.encoder.parameters()),
    "embedding": lambda head: [head.encoder.embedding],
    "weight-and-circuit": lambda head: [head.encoder.weight, head.values],
    "everything": lambda head: list(head.parameters()),
}


@pytest.mark.parametrize("name", head_cases.QUANTUM)
def test_matrix_is_that_of_the_whole_head(name):
    # Seen to fail under every fault of the list above.
    head = before_readout(build(name))
    contexts = some_contexts(head, 3)
    fisher = pulled_back(head, contexts)
    assert fisher.size == len(head_cases.flat(head_cases.own(head)))
    assert_allclose(fisher.to_dense(), numerical_fisher(head, contexts), **NUMERICAL)


@pytest.mark.parametrize("frozen", FROZEN)
@pytest.mark.parametrize("name", ["born-user", "born-folded"])
def test_frozen_parts_leave_the_matrix_of_the_rest(name, frozen):
    # Seen to fail where the tangents of frozen circuit parameters stayed in the stack.
    head = before_readout(build(name))
    contexts = some_contexts(head, 3)
    full = pulled_back(head, contexts).to_dense()
    names = [n for n, p in head.named_parameters() for _ in range(p.numel()) if p.requires_grad]
    for parameter in FROZEN[frozen](head):
        parameter.requires_grad_(False)
    still = {n for n, p in head.named_parameters() if p.requires_grad}
    kept = torch.tensor([n in still for n in names])
    assert_allclose(pulled_back(head, contexts).to_dense(), full[kept][:, kept], **TIGHT)


def test_cross_blocks_are_there():
    # Seen to fail under cross.
    head = before_readout(build("born-user"))
    fisher = pulled_back(head, some_contexts(head, 3)).to_dense()
    assert fisher[:3, 3:].abs().max() > 0.1
    assert_allclose(fisher, fisher.mT, **TIGHT)


@pytest.mark.parametrize("name", ["born", "born-user", "pauli-xyz"])
def test_matrix_is_the_mean_over_contexts(name):
    # Seen to fail under outer mean, sum.
    head = before_readout(build(name))
    contexts = some_contexts(head, 5)
    parts = [pulled_back(head, contexts[i : i + 1]).to_dense() for i in range(5)]
    assert_allclose(pulled_back(head, contexts).to_dense(), torch.stack(parts).mean(0), **TIGHT)


def test_context_given_twice_weighs_twice():
    # Seen to fail under outer mean, sum.
    head = before_readout(build("born"))
    contexts = torch.tensor([[0, 1], [2, 3]])
    each, two = (pulled_back(head, contexts[[i]]).to_dense() for i in (0, 1))
    assert_allclose(pulled_back(head, contexts[[0, 1, 0]]).to_dense(), (2 * each + two) / 3, **TIGHT)


@pytest.mark.parametrize("count", [1, 2])
def test_rank_is_bounded_by_the_states(count):
    # Seen to fail under no phase term.
    head = before_readout(build("born"))
    fisher = pulled_back(head, some_contexts(head, count)).to_dense().numpy()
    assert len(fisher) > 2 * (2**3 - 2)
    assert np.linalg.matrix_rank(fisher, tol=1e-9, hermitian=True) <= count * (2**3 - 2)


# --- oracle 11: the IQP null ----------------------------------------------------------------------


def iqp_head() -> BornHead:
    return BornHead(8, 2, circuit="iqp", layers=1, embedding=2, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("count", [1, 4])
def test_iqp_with_a_frozen_encoder_is_the_identity(count):  # [11]
    # Seen to fail under g, overlap, conjugation, sum; not under no phase term, which is zero here.
    head = iqp_head()
    head.encoder.requires_grad_(False)
    fisher = pulled_back(head, some_contexts(head, count)).to_dense()
    assert_allclose(fisher, np.eye(6), **TIGHT)


def test_iqp_with_a_trained_encoder_pulls_back_the_feature_moments():  # [11]
    # Seen to fail under g, overlap, conjugation, outer mean, cross, sum.
    head = iqp_head()
    head.encoder.embedding.requires_grad_(False)
    contexts = some_contexts(head, 5)
    features = head.encoder.embedding[contexts].flatten(1).detach().numpy()  # φ, (B, 4)
    moments, mean, identity = features.T @ features / 5, features.mean(0), np.eye(3)
    # data angle q turns as θ_q does: rz on qubit q; the three rzz are orthogonal to it
    circuit_weight = np.vstack([np.kron(identity, mean), np.zeros((3, 12))])
    circuit_bias = np.vstack([identity, np.zeros((3, 3))])
    upper = np.block(
        [
            [np.eye(6), circuit_weight, circuit_bias],
            [np.zeros((12, 6)), np.kron(identity, moments), np.kron(identity, mean[:, None])],
            [np.zeros((3, 6)), np.zeros((3, 12)), identity],
        ]
    )
    expected = np.triu(upper) + np.triu(upper, 1).T
    assert_allclose(pulled_back(head, contexts).to_dense(), expected, **TIGHT)


def test_natural_step_of_the_iqp_null_is_rescaled_gradient_descent():  # [11]
    # Seen to fail under g, overlap, conjugation, sum.
    head = iqp_head()
    head.encoder.requires_grad_(False)
    contexts = some_contexts(head, 6)
    gradient = head_cases.autograd_gradient(
        head, torch.nn.functional.nll_loss(head(contexts), head_cases.some_targets(head, 6))
    )
    step = pulled_back(head, contexts).solve(gradient, 0.25)
    assert_allclose(step, gradient / 1.25, **TIGHT)
