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

import torch
from qiskit.quantum_info import Pauli, SparsePauliOp
from torch import Tensor

from qgeo.arguments import shown
from qgeo.circuit.paulis import Term, from_label, qubits_of
from qgeo.errors import ConfigurationError
from qgeo.observables.weights import real_weights

_KEPT = 2**23
"""Most entries of diagonals that are kept, 128 MiB; beyond, they are made at every application."""

Group = tuple[Tensor | None, Tensor]
"""Where strings that flip the same qubits take amplitudes from, None for where they are, and their D_x."""


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
        for flips, diagonal in self._groups(states.device, states.dtype):
            moved = states if flips is None else states[:, flips]
            applied.addcmul_(moved, diagonal)
        return applied

    @cached_property
    def by_flips(self) -> dict[int, tuple[Term, ...]]:
        """The strings that flip the same qubits."""
        groups: dict[int, list[Term]] = {}
        for term in self.terms:
            groups.setdefault(term.x, []).append(term)
        return {x: tuple(group) for x, group in sorted(groups.items())}

    def _groups(self, device: torch.device, dtype: torch.dtype) -> Iterable[Group]:
        if len(self.by_flips) << self.num_qubits > _KEPT:
            return self._made(device, dtype)
        if (device, dtype) not in self._kept:
            self._kept[device, dtype] = list(self._made(device, dtype))
        return self._kept[device, dtype]

    @cached_property
    def _kept(self) -> dict[tuple[torch.device, torch.dtype], list[Group]]:
        """Made once for every device and type of states that H met."""
        return {}

    def _made(self, device: torch.device, dtype: torch.dtype) -> Iterator[Group]:
        index = torch.arange(1 << self.num_qubits, device=device)
        for x, group in self.by_flips.items():
            yield index ^ x if x else None, _diagonal(group, self.num_qubits, device).to(dtype)


def _diagonal(group: Sequence[Term], num_qubits: int, device: torch.device) -> Tensor:
    """D_x, complex128: (−1)^|(k⊕x)∧z| is the sign of k, and one of x that all amplitudes share."""
    diagonal = torch.zeros(1 << num_qubits, 2, dtype=torch.float64, device=device)  # real and imaginary parts
    for x, z, weight in group:
        both = (x & z).bit_count()  # letters Y: i and a sign for each
        part, sign = both % 2, (-1) ** (both // 2) * (-1) ** both
        diagonal[:, part].add_(_signs(z, num_qubits, device), alpha=sign * weight)
    return torch.view_as_complex(diagonal)


def _signs(z: int, num_qubits: int, device: torch.device) -> Tensor:
    """(−1)^|k∧z| of every amplitude k, float64."""
    signs = torch.ones(1 << num_qubits, dtype=torch.float64, device=device)
    for qubit in qubits_of(z):
        signs.view(-1, 2, 1 << qubit)[:, 1].neg_()
    return signs


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
