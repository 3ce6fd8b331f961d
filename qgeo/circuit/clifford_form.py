"""A Clifford operator as two monomial matrices with quarter turns between, and its global phase.

    C = ω · last · ∏_{q in turned} RY_q(π/2) · first        RY(θ) = exp(−iθY/2)

The Bruhat decomposition (Maslov and Roetteler 2018, arXiv 1705.09176; Bravyi and Maslov 2021,
arXiv 2003.09412: two Hadamard-free operators with a layer of Hadamard gates between; H = RY(π/2) Z). The
strings C†Z_qC span a Lagrangian subspace of F₂²ⁿ. Its x-parts have the reduced rows r_p with pivots p, the
turned qubits. Let A = ∏ CX from p to the other qubits of r_p, and let Γ_pp' be the z-parts that are left:

    W |k⟩ = i^{kᵀΓk} |Ak⟩,      A k = k ⊕ ⊕_{p: k_p = 1} (r_p ⊕ e_p),      Γ of S and CZ gates on the pivots

W takes the subspace to the X_p of the turned qubits and the Z_q of the others, H on the turned ones takes
that to all Z_q, and so what is left of C is monomial.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qgeo.circuit.clifford import String, Tableau, clifford_images
from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.paulis import gathered, mask_of, spread
from qgeo.errors import ConfigurationError

Gate = tuple[Matrix, tuple[int, ...]]
"""A Clifford matrix (2ᵏ, 2ᵏ) and its k qubits, the first the least significant bit."""

_POWERS = np.array([1, 1j, -1, -1j])  # of i


# --- linear algebra over F2 -----------------------------------------------------------------------


def eliminated(rows: Iterable[tuple[int, int]]) -> tuple[dict[int, tuple[int, int]], list[int]]:
    """Masks in reduced row echelon form over F₂, each with a companion that is added along.

    Returns:
        The independent rows, each by its pivot, a qubit that no other row holds; the companions of the
        combinations that vanish.

    >>> eliminated([(0b11, 0b001), (0b10, 0b010), (0b01, 0b100)])
    ({1: (2, 2), 0: (1, 3)}, [7])
    """
    pivots: dict[int, tuple[int, int]] = {}
    vanishing = []
    for row in rows:
        mask, companion = row
        for pivot, other in pivots.items():
            if mask >> pivot & 1:
                mask, companion = mask ^ other[0], companion ^ other[1]
        if mask:
            _insert(pivots, mask, companion)
        else:
            vanishing.append(companion)
    return pivots, vanishing


def _insert(pivots: dict[int, tuple[int, int]], mask: int, companion: int) -> None:
    """A row without the others' pivots, and its pivot taken from the others."""
    new = mask.bit_length() - 1
    for pivot, other in pivots.items():
        if other[0] >> new & 1:
            pivots[pivot] = other[0] ^ mask, other[1] ^ companion
    pivots[new] = mask, companion


# --- the form -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NormalForm:
    """last · ∏_{q in turned} RY_q(π/2) · first, the three in the order in which they act.

    `first` maps |0⟩ to itself, `last` maps it to a basis state, with phase 1.
    """

    first: MonomialMatrix
    turned: tuple[int, ...]
    last: MonomialMatrix


def normal_form(tableau: Tableau) -> NormalForm:
    """A Clifford operator, up to its global phase, as monomial, quarter turns, monomial.

    The turned qubits are as many as the x-parts of the C†Z_qC have dimensions: none where C is monomial, and
    then `first` is the identity. The work is O(n²) on strings and O(2ⁿ) for each of the two matrices.
    Source: Bravyi and Maslov 2021, arXiv 2003.09412.

    >>> tableau = Tableau.identity(1)
    >>> tableau.append(clifford_images(np.array([[1, 1], [1, -1]]) / np.sqrt(2)), (0,))
    >>> form = normal_form(tableau)  # H = RY(π/2) Z
    >>> form.turned, form.first.phase.real, form.last.is_identity
    ((0,), array([ 1., -1.]), True)
    """
    num_qubits = tableau.num_qubits
    pivots, _ = eliminated((x, z) for x, z, _ in tableau.rows[num_qubits:])
    rows = {pivot: x for pivot, (x, _) in pivots.items()}
    gamma = {
        pivot: mask_of(other for other, row in rows.items() if (z & row).bit_count() % 2)
        for pivot, (_, z) in pivots.items()
    }
    rest = tableau.after(_undoing(rows, gamma, num_qubits)).rows
    end = mask_of(qubit for qubit, (_, _, power) in enumerate(rest[num_qubits:]) if power)
    return NormalForm(
        _monomial(_first_strings(rows, gamma, num_qubits), 0),
        tuple(sorted(rows)),
        _monomial(rest[:num_qubits], end),
    )


def _undoing(rows: dict[int, int], gamma: dict[int, int], num_qubits: int) -> Tableau:
    """W†H on the turned qubits, with the strings H W X_q W†H and H W Z_q W†H.

    W X_p W† = i^{Γ_pp} X^{r_p} Z^{Γ_p} and W Z_q W† = Z_q ∏_{p: q in r_p} Z_p for the pivots p and the other
    qubits q; H exchanges x and z of the pivots, with a sign where both are there.
    """
    turned = mask_of(rows)
    of_x: list[String] = [(1 << qubit, 0, 0) for qubit in range(num_qubits)]
    of_z: list[String] = [
        (mask_of(pivot for pivot, row in rows.items() if row >> qubit & 1), 1 << qubit, 0)
        for qubit in range(num_qubits)
    ]
    for pivot, row in rows.items():
        of_x[pivot] = row & ~turned | gamma[pivot], 1 << pivot, 3 * (gamma[pivot] >> pivot & 1)
        of_z[pivot] = 1 << pivot, 0, 0
    return Tableau(num_qubits, of_x + of_z)


def _first_strings(rows: dict[int, int], gamma: dict[int, int], num_qubits: int) -> list[String]:
    """U†X_qU of U = ∏_p Z_p W: −(−i)^{Γ_pp} X^{r_p} Z^{Γ_p} for a pivot p, X_q for the others."""
    strings: list[String] = [(1 << qubit, 0, 0) for qubit in range(num_qubits)]
    for pivot, row in rows.items():
        strings[pivot] = row, gamma[pivot], 2 - (gamma[pivot] >> pivot & 1)
    return strings


def _monomial(strings: Sequence[String], end: int) -> MonomialMatrix:
    """The monomial U with the strings U†X_qU and U|0⟩ = |end⟩, by doubling.

    U†|end ⊕ k ⊕ e_q⟩ = (U†X_qU) U†|end ⊕ k⟩, and U†|k⟩ = phase_k* |source_k⟩.
    """
    source = np.zeros(2 ** len(strings), dtype=np.int64)
    power = np.zeros(2 ** len(strings), dtype=np.uint8)  # wraps at a multiple of 4
    for qubit, (x, z, turns) in enumerate(strings):
        done, new = slice(0, 1 << qubit), slice(1 << qubit, 2 << qubit)
        source[new] = source[done] ^ x
        power[new] = power[done] + 2 * np.bitwise_count(source[done] & z) + turns
    order = np.arange(len(source)) ^ end
    return MonomialMatrix(source[order], _POWERS.conj()[power[order] & 3])


# --- the global phase -----------------------------------------------------------------------------


def vacuum_amplitude(gates: Sequence[Gate], num_qubits: int) -> tuple[int, complex]:
    """A basis state z with ⟨z|C|0⟩ ≠ 0, and that amplitude with its phase, for C = g_m … g_1.

    Behind a gate g on the qubits S, z changes in S only, to where the amplitude is largest:

        ⟨z₁|gC|0⟩ = Σ_y g[z₁_S, y] ⟨z with y in S|C|0⟩

    If C†XᵉZᶠC = i^κ Zᵇ, then XᵉZᶠ C|0⟩ = i^κ C|0⟩, and ⟨z⊕e|C|0⟩ = i^{−κ} (−1)^|f∧z| ⟨z|C|0⟩; for an e
    without such an f it is 0. Nothing has 2ⁿ numbers. Bravyi et al. 2019, arXiv 1808.00128, keep the phase
    too, in a normal form of the state.

    Raises:
        ConfigurationError: a gate is no Clifford.

    >>> hadamard, cx = np.array([[1, 1], [1, -1]]) / np.sqrt(2), np.eye(4)[[0, 3, 2, 1]]
    >>> z, amplitude = vacuum_amplitude([(hadamard, (1,)), (cx, (1, 0))], 2)
    >>> z, round(abs(amplitude) ** 2, 12)
    (0, 0.5)
    """
    tableau, z, amplitude = Tableau.identity(num_qubits), 0, 1 + 0j
    for matrix, qubits in gates:
        images = clifford_images(matrix)
        if images is None:
            raise ConfigurationError(f"expected Clifford gates, got one on qubits {qubits} that is none")
        z, factor = _moved(tableau, matrix, qubits, z)
        tableau.append(images, qubits)
        amplitude *= factor
    return z, amplitude


def _moved(tableau: Tableau, matrix: Matrix, qubits: tuple[int, ...], z: int) -> tuple[int, complex]:
    """The next basis state and its amplitude over that of z before the gate."""
    inside = gathered(z, qubits)
    amplitudes = matrix[:, inside]
    largest = int(np.abs(amplitudes).argmax())
    if abs(amplitudes[largest]) < 0.9:  # of a Clifford it is 1, the row's only entry, or at most √½
        amplitudes = matrix @ _ratios(tableau, qubits, z)
        largest = int(np.abs(amplitudes).argmax())
    return z ^ spread(inside ^ largest, qubits), complex(amplitudes[largest])


def _ratios(tableau: Tableau, qubits: tuple[int, ...], z: int) -> Matrix:
    """⟨z with y in S|C|0⟩ / ⟨z|C|0⟩ for every y on the qubits S: (2ᵏ,)."""
    ratios = {z: 1 + 0j}
    for e, f in _stabilizers(tableau, qubits):
        _, _, power = tableau.conjugate((e, f, 0))
        ratios |= {
            state ^ e: ratio * complex(_POWERS[2 * (f & state).bit_count() - power & 3])
            for state, ratio in ratios.items()
        }
    vector = np.zeros(2 ** len(qubits), dtype=complex)
    for state, ratio in ratios.items():
        vector[gathered(state, qubits)] = ratio
    return vector


def _stabilizers(tableau: Tableau, qubits: tuple[int, ...]) -> list[tuple[int, int]]:
    """Masks (e, f) with XᵉZᶠ C|0⟩ ∼ C|0⟩, the e a basis of all that lie in S."""
    n = tableau.num_qubits
    xs = [x for x, _, _ in tableau.rows]
    of_z = [(xs[n + qubit], 1 << qubit) for qubit in range(n)]
    of_x = [(xs[qubit], 1 << n + qubit) for qubit in qubits]
    _, vanishing = eliminated(of_z + of_x)
    return [(mask >> n, mask & (1 << n) - 1) for mask in vanishing if mask >> n]


def global_phase(gates: Sequence[Gate], num_qubits: int, form: NormalForm) -> complex:
    """ω of modulus 1 with g_m … g_1 = ω · last · ∏_{q in turned} RY_q(π/2) · first.

    ⟨z|last · RY · first|0⟩ = last.phase_z / √2^|turned| where it is not 0: `first` keeps |0⟩, and the quarter
    turns make equal amplitudes of it. ω is what `vacuum_amplitude` gives at z, over that.

    Args:
        form: the `normal_form` of the gates' tableau.

    Raises:
        ConfigurationError: a gate is no Clifford.

    >>> y = np.array([[0, -1j], [1j, 0]])
    >>> tableau = Tableau.identity(1)
    >>> tableau.append(clifford_images(y), (0,))
    >>> global_phase([(y, (0,))], 1, normal_form(tableau))  # Y = i X Z, and last = X Z
    1j
    """
    z, amplitude = vacuum_amplitude(gates, num_qubits)
    phase = amplitude * complex(form.last.phase[z]).conjugate()
    return phase / abs(phase)
