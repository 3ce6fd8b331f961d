"""Write `circuits/`: OpenQASM files, the manifest, a page, from builder calls and the naive reference.

    make catalogue, which is: PYTHONPATH=tests python tests/circuit/make_catalogue.py

`test_catalogue.py` checks that the folder is what this file makes; `catalogue_page.py` makes its README.md.
An entry that has been cited never changes: a new circuit gets a new name.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import atan, pi
from pathlib import Path

import numpy as np
from circuit import catalogue_page, contracted, minima
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from qgeo.circuit import ansatz, examples, variational
from qgeo.circuit.qasm import dump_qasm
from qgeo.observables.files import load_observable
from qgeo.studies.experiments import abbas

FOLDER = Path(__file__).parents[2] / "circuits"

HEADER = """\
# The frozen catalogue, one table per circuit. Written by tests/circuit/make_catalogue.py; not edited by hand.
# quantum_fisher_eigenvalues: of F_Q = 4 Re Q at `values`, every parameter trainable, ascending; from the
# naive reference of the tests (dense numpy). rank: how many of them exceed 1e-9 of the largest.
# classical_fisher_eigenvalues, classical_rank: the same of F_C, all qubits measured in Z, outcomes of a
# probability of at most 1e-14 left out.
# energy: of `observable` (a file in observables/) at `values`, the lowest that was found.
"""

COMPUTED = ("quantum_fisher_eigenvalues", "classical_fisher_eigenvalues", "energy")
"""Numbers of an entry that another machine rounds otherwise."""


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

RANDOM = "values from numpy.random.default_rng({seed}).uniform(-pi, pi, P)"

ABBAS = (
    "Abbas et al., Nat. Comput. Sci. 1, 403 (2021), figure 3a, their '{name}'; values: the first theta and "
    "the first x of the published draw, numpy.random.RandomState(0)"
)

BRICKWORK = "qgeo's own; CX on even and odd bonds in turn, as in random circuits of local gates; "

SEPARABLE = "qgeo's own: the default Born head at 4 qubits without its CX gates; "

BLOCH_WALK = (
    "qgeo's own: the source bloch-walk, Kraus operators (I +- 2 P)/(2 sqrt(5)), P = Z or X; theta = (pi/2, "
    "pi/2, -2 arctan 2) makes them, x_00 = 0.7 is some state of the memory"
)

CONTROLLED = (
    "qgeo's own; metric_tensor(approx=None) of PennyLane 0.45.1 gives, without a warning, entries of F_Q "
    "that are wrong by up to 0.94 (its adjoint_metric_tensor is right), ReverseQGT of qiskit-algorithms "
    "0.4.0 ends with KeyError (its issue 216), LinCombQGT of qiskit-machine-learning 0.9.1 with 'name "
    "conflict adding parameter'; "
)

WECKER = "Wecker, Hastings & Troyer, Phys. Rev. A 92, 042303 (2015); values: those of the lowest energy found"


def abbas_values() -> tuple[float, ...]:
    """θ (40), then x (4), the first of either that was drawn."""
    thetas, inputs = abbas.drawn()
    return (*thetas[0].tolist(), *inputs[0].tolist())


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
    "born-6": Source(
        "Hardware-efficient Born head, 6 qubits, 3 layers, 36 trainable parameters and 12 inputs",
        'ansatz("hardware-efficient", 6, 3).circuit',
        BORN.format(n=6, seed=6),
        6,
    ),
    "reuploading-4": Source(
        "Re-uploading circuit, 4 qubits, 3 layers, 24 trainable parameters; 8 inputs enter before each layer",
        'ansatz("reuploading", 4, 3).circuit',
        "Pérez-Salinas et al., Quantum 4, 226 (2020), with the layers of the default Born head; "
        + RANDOM.format(seed=12),
        12,
    ),
    "brickwork-4": Source(
        "Brickwork circuit, 4 qubits, 3 layers, 24 trainable parameters and 8 inputs",
        'ansatz("brickwork", 4, 3).circuit',
        BRICKWORK + RANDOM.format(seed=13),
        13,
    ),
    "real-amplitudes-4": Source(
        "Real amplitudes, 4 qubits, 3 layers, 12 trainable parameters and 4 inputs: F_C = F_Q",
        'ansatz("real-amplitudes", 4, 3).circuit',
        "after Qiskit's real_amplitudes, data by RY in front; " + RANDOM.format(seed=14),
        14,
    ),
    "separable-4": Source(
        "Separable twin of born-4: 24 trainable parameters, 8 inputs, no entangling gate; rank of F_Q <= 8",
        'ansatz("separable", 4, 3).circuit',
        SEPARABLE + RANDOM.format(seed=15),
        15,
    ),
    "bloch-walk": Source(
        "One step of the Bloch walk: memory and the two bits that it emits, 3 parameters, 1 input; F_C = F_Q",
        "bloch_walk_step()",
        BLOCH_WALK,
        (pi / 2, pi / 2, -2 * atan(2), 0.7),
    ),
    "abbas-easy": Source(
        "Quantum neural network with a feature map of single qubits, 4 qubits, 40 parameters and 4 inputs",
        'abbas_network("z")',
        ABBAS.format(name="easy quantum model"),
        abbas_values(),
    ),
    "abbas-hard": Source(
        "Quantum neural network with an entangling feature map, 4 qubits, 40 parameters and 4 inputs",
        'abbas_network("zz")',
        ABBAS.format(name="quantum neural network"),
        abbas_values(),
    ),
    "controlled-rotations": Source(
        "Controlled rotations about X, Y, Z and a controlled phase, 3 qubits, 7 parameters, one in two gates",
        "controlled_rotations()",
        CONTROLLED + RANDOM.format(seed=16),
        16,
    ),
}


def built(builder: str) -> QuantumCircuit:
    """The circuit of a builder expression."""
    return eval(builder, {**vars(examples), **vars(variational), **vars(ansatz)})


def values(source: Source, circuit: QuantumCircuit) -> list[float]:
    if isinstance(source.values, int):
        return np.random.default_rng(source.values).uniform(-np.pi, np.pi, circuit.num_parameters).tolist()
    return list(source.values)


def energy(circuit: QuantumCircuit, numbers: list[float], observable: str) -> float:
    """⟨ψ|H|ψ⟩, the state and the expectation value by Qiskit."""
    h = load_observable(FOLDER / "observables" / observable)
    return float(Statevector(circuit.assign_parameters(numbers)).expectation_value(h).real)


def rank(eigenvalues: np.ndarray) -> int:
    return int(np.sum(eigenvalues > 1e-9 * eigenvalues.max()))


def manifest_entry(name: str, source: Source) -> dict[str, object]:
    circuit = built(source.builder)
    numbers = values(source, circuit)
    quantum, classical = (np.linalg.eigvalsh(f(circuit, numbers)) for f in (contracted.qfim, contracted.cfim))
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
        "quantum_fisher_eigenvalues": quantum.tolist(),
        "rank": rank(quantum),
        "classical_fisher_eigenvalues": classical.tolist(),
        "classical_rank": rank(classical),
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


def settled(made: dict[str, object], recorded: Mapping[str, object]) -> dict[str, object]:
    """What was made, with the recorded numbers where these differ by rounding, as between machines."""
    kept = {key: recorded[key] for key in COMPUTED if key in recorded and _equal(made[key], recorded[key])}
    return made | kept


def _equal(made: object, recorded: object) -> bool:
    return np.shape(made) == np.shape(recorded) and np.allclose(made, recorded, rtol=0, atol=1e-9)


def recorded_entries(folder: Path) -> dict[str, dict[str, object]]:
    manifest = folder / "manifest.toml"
    return tomllib.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}


def write(folder: Path) -> None:
    for name, source in SOURCES.items():
        (folder / f"{name}.qasm").write_text(dump_qasm(built(source.builder)), encoding="utf-8", newline="\n")
    recorded = recorded_entries(folder)
    entries = {
        name: settled(manifest_entry(name, source), recorded.get(name, {}))
        for name, source in SOURCES.items()
    }
    tables = [toml(name, entry) for name, entry in entries.items()]
    (folder / "manifest.toml").write_text("\n".join([HEADER, *tables]), encoding="utf-8", newline="\n")
    (folder / "README.md").write_text(catalogue_page.page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(FOLDER)
