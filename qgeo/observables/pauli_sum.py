"""A weighted sum of Pauli strings applied to states, strings that flip the same qubits grouped once.

    H = Σ_t w_t P(x_t, z_t) = Σ_x D_x Xˣ,      (H ψ)_k = Σ_x D_x(k) ψ_{k⊕x}
    D_x(k) = Σ_{t: x_t = x} w_t i^|x∧z_t| (−1)^|(k⊕x)∧z_t|

A group costs a gather and a product however many strings it holds: an Ising chain of n qubits has n + 1
groups, an electronic Hamiltonian of hundreds of strings a few dozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit.quantum_info import Pauli, SparsePauliOp
from torch import Tensor

from qgeo.arguments import shown
from qgeo.circuit.paulis import Term, from_label, signs
from qgeo.errors import ConfigurationError
from qgeo.observables.weights import real_weights

_KEPT = 2**23
"""Most entries of diagonals that are kept, 128 MiB; beyond, they are made at every application."""


@dataclass(frozen=True, eq=False)
class PauliSum:
    """H as data.

    Attributes:
        num_qubits: n; terms: masks and weights, rightmost letter of a label on qubit 0.
    """

    num_qubits: int
    terms: tuple[Term, ...]

    def __call__(self, states: Tensor) -> Tensor:
        """H ψ of every state, (B, 2ⁿ)."""
        applied = torch.zeros_like(states)
        for flips, diagonal in self._groups():
            moved = states if flips is None else states[:, flips]
            applied.addcmul_(moved, diagonal.to(states.device, states.dtype))
        return applied

    @cached_property
    def by_flips(self) -> dict[int, tuple[Term, ...]]:
        """The strings that flip the same qubits."""
        groups: dict[int, list[Term]] = {}
        for term in self.terms:
            groups.setdefault(term.x, []).append(term)
        return {x: tuple(group) for x, group in sorted(groups.items())}

    def _groups(self) -> Iterable[tuple[Tensor | None, Tensor]]:
        return self._kept if len(self.by_flips) << self.num_qubits <= _KEPT else self._made()

    @cached_property
    def _kept(self) -> list[tuple[Tensor | None, Tensor]]:
        return list(self._made())

    def _made(self) -> Iterator[tuple[Tensor | None, Tensor]]:
        """Where every group takes amplitudes from, None for where they are, and D_x."""
        index = np.arange(1 << self.num_qubits)
        for x, group in self.by_flips.items():
            source = index ^ x
            yield torch.from_numpy(source) if x else None, torch.from_numpy(_diagonal(group, source))


def _diagonal(group: Sequence[Term], source: NDArray[np.int64]) -> NDArray[np.complex128]:
    diagonal = np.zeros(len(source), dtype=complex)
    for x, z, weight in group:
        diagonal += weight * 1j ** (x & z).bit_count() * signs(source, z)
    return diagonal


def pauli_sums(observables: Any, num_qubits: int) -> tuple[PauliSum, ...]:
    """The sums of one observable or of several.

    Args:
        observables: a `SparsePauliOp`, a `Pauli` or a label, or a sequence of these, on so many qubits.

    Raises:
        ConfigurationError: something else, another number of qubits, or weights that are not real.
    """
    several = isinstance(observables, Sequence) and not isinstance(observables, str)
    given = list(observables) if several else [observables]
    if not given:
        raise ConfigurationError("expected at least one observable, got none")
    return tuple(_pauli_sum(each, num_qubits) for each in given)


def _pauli_sum(observable: Any, num_qubits: int) -> PauliSum:
    if isinstance(observable, str):
        from_label(observable)  # refuses other letters
    if isinstance(observable, str | Pauli):
        observable = SparsePauliOp(observable)
    if not isinstance(observable, SparsePauliOp):
        raise ConfigurationError(
            "expected a SparsePauliOp, such as SparsePauliOp(['ZZ', 'XI'], [1.0, 0.5]), or a label as the "
            f"observable, got {shown(observable)}"
        )
    if observable.num_qubits != num_qubits:
        raise ConfigurationError(
            f"expected an observable on the circuit's {num_qubits} qubits, got one on {observable.num_qubits}"
        )
    plain = observable.simplify(atol=0)
    weights = real_weights(observable if plain.coeffs.dtype == object else plain).tolist()
    labels = plain.paulis.to_labels()
    terms = (from_label(text)._replace(weight=w) for text, w in zip(labels, weights, strict=True))
    return PauliSum(num_qubits, tuple(terms))
