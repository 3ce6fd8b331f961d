"""Write `circuits/`: the OpenQASM files and the manifest, from builder calls and the naive reference.

    PYTHONPATH=tests python tests/circuit/make_catalogue.py

`test_catalogue.py` checks that the folder is what this file makes. An entry that has been cited never
changes: a new circuit gets a new name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from circuit import contracted, minima
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from qgeo.circuit import ansatz, catalogue, variational
from qgeo.circuit.qasm import dump_qasm
from qgeo.observables.files import load_observable

FOLDER = Path(__file__).parents[2] / "circuits"

HEADER = """\
# The frozen catalogue, one table per circuit. Written by tests/circuit/make_catalogue.py; not edited by hand.
# quantum_fisher_eigenvalues: of F_Q = 4 Re Q at `values`, every parameter trainable, ascending; from the
# naive reference of the tests (dense numpy). rank: how many of them exceed 1e-9 of the largest.
# energy: of `observable` (a file in observables/) at `values`, the lowest that was found.
"""


@dataclass(frozen=True)
class Source:
    """What a person decides about an entry; everything else is computed."""

    title: str
    builder: str
    provenance: str
    values: tuple[float, ...] | int  # numbers, or the seed of default_rng(seed).uniform(-π, π, P)
    observable: str | None = None  # in circuits/observables/; then values are where its energy is lowest


BORN = (
    "the default Born head at {n} qubits, qgeo's own; hardware-efficient after Kandala et al., Nature 549, "
    "242 (2017); values from numpy.random.default_rng({seed}).uniform(-pi, pi, P)"
)

WECKER = "Wecker, Hastings & Troyer, Phys. Rev. A 92, 042303 (2015); values: those of the lowest energy found"

SOURCES = {
    "born-4": Source(
        "Hardware-efficient Born head, 4 qubits, 3 layers, 24 trainable parameters and 8 inputs",
        'ansatz("hardware-efficient", 4, 3).circuit',
        BORN.format(n=4, seed=4),
        4,
    ),
    "born-5": Source(
        "Hardware-efficient Born head, 5 qubits, 3 layers, 30 trainable parameters and 10 inputs",
        'ansatz("hardware-efficient", 5, 3).circuit',
        BORN.format(n=5, seed=5),
        5,
    ),
    "iqp-4": Source(
        "IQP circuit on 4 qubits, all one- and two-body terms, no inputs: F_Q = I for all values, F_C is not",
        "iqp_circuit(4)",
        "Shepherd & Bremner, Proc. R. Soc. A 465, 1413 (2009); all subsets of one and two qubits; values "
        "from numpy.random.default_rng(11).uniform(-pi, pi, P)",
        11,
    ),
    "stokes": Source(
        "Demonstration circuit of quantum natural gradient, 3 qubits, 4 parameters",
        "stokes_circuit()",
        "Stokes, Izaac, Killoran & Carleo, Quantum 4, 269 (2020); circuit and values of PennyLane's tutorial "
        "'Quantum natural gradient'",
        (0.432, -0.123, 0.543, 0.233),
    ),
    "h2": Source(
        "Unitary coupled cluster for the hydrogen molecule, 4 qubits, 3 parameters: reaches the "
        "ground energy",
        "h2_uccsd()",
        "Peruzzo et al., Nat. Commun. 5, 4213 (2014); one Trotter step from the Hartree-Fock state; values: "
        "those of the minimum",
        minima.H2,
        "h2.txt",
    ),
    "ising-10": Source(
        "Hamiltonian variational circuit for the critical Ising chain, 10 qubits, 5 layers, 95 parameters: "
        "comes within 4e-8 of the ground energy",
        "ising_variational(10, 5)",
        WECKER + "; an angle per gate: with one per layer and term the lowest energy found is 2e-2 above",
        minima.ISING_10,
        "ising-10.txt",
    ),
    "heisenberg-8": Source(
        "Hamiltonian variational circuit for the Heisenberg chain, 8 qubits, 3 layers, 21 parameters: comes "
        "within 2e-7 of the ground energy",
        "heisenberg_variational(8, 3)",
        WECKER
        + "; from singlets, an angle per bond: with one per layer and sublattice, 8 layers end 1e-3 above",
        minima.HEISENBERG_8,
        "heisenberg-8.txt",
    ),
    "maxcut-8": Source(
        "QAOA for the maximum cut of the Moebius ladder on 8 vertices, 3 layers, 6 parameters: reaches "
        "-9.6582, of -10",
        "qaoa(MOEBIUS_LADDER, 3)",
        "Farhi, Goldstone & Gutmann, arXiv:1411.4028 (2014); values: the best of 30 minima",
        minima.MAXCUT_8,
        "maxcut-8.txt",
    ),
}


def built(builder: str) -> QuantumCircuit:
    """The circuit of a builder expression."""
    return eval(builder, {**vars(catalogue), **vars(variational), **vars(ansatz)})


def values(source: Source, circuit: QuantumCircuit) -> list[float]:
    if isinstance(source.values, int):
        return np.random.default_rng(source.values).uniform(-np.pi, np.pi, circuit.num_parameters).tolist()
    return list(source.values)


def spectrum(circuit: QuantumCircuit, numbers: list[float]) -> np.ndarray:
    return np.linalg.eigvalsh(contracted.qfim(circuit, numbers))


def energy(circuit: QuantumCircuit, numbers: list[float], observable: str) -> float:
    """⟨ψ|H|ψ⟩, the state and the expectation value by Qiskit."""
    h = load_observable(FOLDER / "observables" / observable)
    return float(Statevector(circuit.assign_parameters(numbers)).expectation_value(h).real)


def rank(eigenvalues: np.ndarray) -> int:
    return int(np.sum(eigenvalues > 1e-9 * eigenvalues.max()))


def manifest_entry(name: str, source: Source) -> dict[str, object]:
    circuit = built(source.builder)
    numbers = values(source, circuit)
    eigenvalues = spectrum(circuit, numbers)
    parameters = [parameter.name for parameter in circuit.parameters]
    entry = {
        "title": source.title,
        "file": f"{name}.qasm",
        "sha256": sha256(dump_qasm(circuit).encode()).hexdigest(),
        "builder": source.builder,
        "num_qubits": circuit.num_qubits,
        "parameters": parameters,
        "input_parameters": [parameter for parameter in parameters if parameter.startswith("x_")],
        "values": numbers,
        "quantum_fisher_eigenvalues": eigenvalues.tolist(),
        "rank": rank(eigenvalues),
        "provenance": source.provenance,
    }
    if source.observable is None:
        return entry
    return entry | {
        "observable": source.observable,
        "energy": energy(circuit, numbers, source.observable),
    }


def toml(name: str, entry: Mapping[str, object]) -> str:
    """One table; JSON's numbers, strings and lists are TOML's, and its floats round-trip."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def write(folder: Path) -> None:
    for name, source in SOURCES.items():
        (folder / f"{name}.qasm").write_text(dump_qasm(built(source.builder)), encoding="utf-8", newline="\n")
    tables = [toml(name, manifest_entry(name, source)) for name, source in SOURCES.items()]
    (folder / "manifest.toml").write_text("\n".join([HEADER, *tables]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(FOLDER)
