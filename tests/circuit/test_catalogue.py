"""The frozen catalogue: builder ≡ file, recorded numbers = recomputed ones, digests, page, and its oracles.

Seen to fail: one angle of a file changed (digest; with the digest mended: matrix and spectrum), two parameter
names exchanged in a file, g instead of F_Q in the manifest, one value changed there, a package left out;
F_C of half of ∂p, the spectrum of F_Q in place of F_C's.
"""

from __future__ import annotations

import ast
import tomllib
from functools import reduce
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import reference
from circuit import catalogue_page, contracted, make_catalogue
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, random_statevector

from qgeo import classical_fisher, quantum_fisher
from qgeo.circuit import catalogue
from qgeo.circuit.ansatz import BORN_ANSATZ, BORN_LAYERS, ansatz
from qgeo.circuit.qasm import read_qasm
from qgeo.errors import CircuitError, ConfigurationError
from qgeo.tasks import bloch_walk

ROOT = Path(__file__).parents[2]
FROZEN = {
    "born-4": "ce9575a677db",
    "born-5": "db03db148ce8",
    "iqp-4": "b196505e29b1",
    "stokes": "cfd5b4edc919",
    "h2": "edbf272f2ab6",
    "ising-10": "b00b93e4ea43",
    "heisenberg-8": "6dc7a3bd786e",
    "maxcut-8": "ab5854c71ccd",
    "born-6": "30ae19774d67",
    "reuploading-4": "3e4203d52d56",
    "brickwork-4": "7680d3a19b24",
    "real-amplitudes-4": "a4c59780b598",
    "separable-4": "2a9ae46dc1f5",
    "bloch-walk": "cc66b0ec9db8",
    "abbas-easy": "0ab45e67fb87",
    "abbas-hard": "74e9c7247b99",
    "controlled-rotations": "be754d43afd8",
}
"""Every entry there has been, with the start of its digest: what was cited stays as it was."""

VARIATIONAL = ("h2", "ising-10", "heisenberg-8", "maxcut-8")


@pytest.fixture(params=FROZEN)
def entry(request) -> catalogue.CatalogueEntry:
    return catalogue.entry(request.param)


# --- builder, file, numbers -------------------------------------------------------------------------------


def test_entries_stay():
    # Seen to fail: an angle of abbas-easy changed, its digest in the manifest with it.
    assert catalogue.names() == tuple(FROZEN) == tuple(make_catalogue.SOURCES)
    assert {name: catalogue.entry(name).sha256[:12] for name in FROZEN} == FROZEN


def test_builder_makes_the_file(entry):
    built, loaded = make_catalogue.built(entry.builder), catalogue.circuit(entry.name)
    for circuit in (built, loaded):
        assert tuple(parameter.name for parameter in circuit.parameters) == entry.parameters
        assert circuit.num_qubits == entry.num_qubits
    before, after = (image(c.assign_parameters(entry.values)) for c in (built, loaded))
    assert_allclose(after, before, rtol=0, atol=1e-13)


def image(circuit: QuantumCircuit) -> np.ndarray:
    """The matrix of a circuit; of a wide one, what it does to a random state."""
    if circuit.num_qubits <= contracted.WIDEST_DENSE:
        return Operator(circuit).data
    return random_statevector(2**circuit.num_qubits, seed=0).evolve(circuit).data


def test_recorded_spectra_are_recomputed_by_two_paths(entry):
    circuit = catalogue.circuit(entry.name)
    quantum = (entry.quantum_fisher_eigenvalues, entry.rank)
    classical = (entry.classical_fisher_eigenvalues, entry.classical_rank)
    paths = {quantum: (contracted.qfim, quantum_fisher), classical: (contracted.cfim, classical_fisher)}
    for (recorded, rank), fishers in paths.items():
        for fisher in fishers:
            eigenvalues = np.linalg.eigvalsh(fisher(circuit, entry.values))
            assert_allclose(eigenvalues, recorded, rtol=0, atol=1e-9)
            assert np.sum(eigenvalues > 1e-9 * eigenvalues[-1]) == rank


def test_the_manifest_is_what_its_maker_makes(entry):
    with (ROOT / "circuits" / "manifest.toml").open("rb") as file:
        recorded = tomllib.load(file)[entry.name]
    made = make_catalogue.manifest_entry(entry.name, make_catalogue.SOURCES[entry.name])
    for spectrum in ("quantum_fisher_eigenvalues", "classical_fisher_eigenvalues"):
        assert_allclose(recorded.pop(spectrum), made.pop(spectrum), rtol=0, atol=1e-9)
    energies = [numbers.pop("energy", 0.0) for numbers in (recorded, made)]
    assert_allclose(*energies, rtol=0, atol=1e-12)
    made.pop("sha256")  # of today's exporter; the file's own digest is tested below
    assert recorded.pop("sha256") == entry.sha256
    assert recorded == made


def test_values_are_exact_and_in_order(entry):
    assert len(entry.values) == len(entry.parameters)
    assert entry.parameters == tuple(sorted(entry.parameters))
    assert set(entry.input_parameters) <= set(entry.parameters)
    assert all(isinstance(value, float) for value in entry.values)


def test_the_text_is_the_file_and_declares_parameters_in_order(entry):
    content = (ROOT / "circuits" / entry.file).read_bytes()
    assert sha256(content).hexdigest() == entry.sha256
    assert catalogue.text(entry.name).encode() == content
    loaded = read_qasm(catalogue.text(entry.name))
    assert loaded.declared == entry.parameters
    assert loaded.warning is None


def test_no_stray_files():
    files = {path.name for path in (ROOT / "circuits").iterdir() if path.name != "__pycache__"}
    listed = {catalogue.entry(name).file for name in catalogue.names()}
    assert files == listed | {"__init__.py", "README.md", "manifest.toml", "observables"}
    observables = {catalogue.entry(name).observable for name in VARIATIONAL}
    assert {path.name for path in (ROOT / "circuits" / "observables").iterdir()} == observables


@pytest.mark.parametrize("name", ["iqp-4", "stokes", "h2"])
def test_contracted_gates_are_the_reference_s(name: str):
    # Seen to fail: the qubits of a gate in the other order, derivatives of the state after the gate.
    circuit, values = catalogue.circuit(name), catalogue.entry(name).values
    for ours, theirs in zip(
        contracted.state_and_tangents(circuit, values),
        reference.state_and_tangents(circuit, values),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_page_is_what_its_maker_makes():
    # Seen to fail: a rank changed in the page, a gate taken out of a drawing.
    page = (ROOT / "circuits" / "README.md").read_text("utf-8")
    assert page.splitlines() == catalogue_page.page().splitlines()


def test_every_circuit_has_a_row_a_section_and_a_drawing():
    page = (ROOT / "circuits" / "README.md").read_text("utf-8")
    for name in FROZEN:
        entry = catalogue.entry(name)
        assert f"| [{name}](#{name}) | {entry.title} | {entry.num_qubits} | {len(entry.parameters)} |" in page
        assert f"\n## {name}\n" in page
    assert page.count("```text") == len(FROZEN)


# --- what the entries are for -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 5, 6])
def test_born_heads_are_the_default(n: int):
    default, frozen = ansatz(BORN_ANSATZ, n, BORN_LAYERS), catalogue.entry(f"born-{n}")
    assert default.input_parameters == frozen.input_parameters
    values = np.random.default_rng(1).uniform(-3, 3, len(frozen.parameters))
    circuits = default.circuit, catalogue.circuit(f"born-{n}")
    before, after = (image(c.assign_parameters(values)) for c in circuits)
    assert_allclose(after, before, rtol=0, atol=1e-13)


def test_the_separable_twin_is_born_4_without_its_entangling_gates():
    # Seen to fail: reuploading-4 in place of separable-4.
    born, twin = catalogue.circuit("born-4"), catalogue.circuit("separable-4")
    rotations = [instruction for instruction in born.data if instruction.operation.name != "cx"]
    assert [places(born, instruction) for instruction in rotations] == [places(twin, i) for i in twin.data]


def places(circuit: QuantumCircuit, instruction) -> tuple:
    qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
    return instruction.operation.name, qubits, [str(angle) for angle in instruction.operation.params]


@pytest.mark.parametrize("name", ["real-amplitudes-4", "bloch-walk"])
def test_real_states_have_one_metric(name: str):
    # Seen to fail: RZ(0.3) and RY(0.2) on qubit 0 put before the last gate.
    circuit, values = catalogue.circuit(name), catalogue.entry(name).values
    assert_allclose(classical_fisher(circuit, values), quantum_fisher(circuit, values), rtol=0, atol=1e-10)


def test_the_bloch_walk_step_leaves_the_memory_as_the_source_s_kraus_operators_do():
    """⟨axis, sign| U |0, 0⟩ on the memory, qubit 0; the token is 2·axis + sign."""
    # Seen to fail: θ₂ with the other sign, axis and sign exchanged, one of the two CH left out.
    values = [*catalogue.entry("bloch-walk").values[:3], 0.0]
    unitary = Operator(catalogue.circuit("bloch-walk").assign_parameters(values)).data
    kraus = unitary.reshape(4, 2, 4, 2)[:, :, 0]
    assert_allclose(kraus, bloch_walk(alpha=1.0, beta=2.0).memory.kraus, rtol=0, atol=1e-14)


def test_the_controlled_phase_has_the_variance_of_its_projector():
    """4 Var(P₀P₁), P the projector on 1; no gate behind it changes the probabilities of these two qubits."""
    # Seen to fail: 1, which a plain rotation would have; outcomes 000 and 100 in place of 011 and 111.
    entry, circuit = catalogue.entry("controlled-rotations"), catalogue.circuit("controlled-rotations")
    probabilities = np.abs(reference.states(circuit, entry.values)) ** 2
    both = probabilities[[0b011, 0b111]].sum()
    assert_allclose(quantum_fisher(circuit, entry.values)[6, 6], 4 * both * (1 - both), rtol=0, atol=1e-12)


def test_iqp_has_the_identity_as_metric_everywhere():
    circuit = catalogue.circuit("iqp-4")
    for seed in range(3):
        values = np.random.default_rng(seed).uniform(-np.pi, np.pi, 10)
        assert_allclose(quantum_fisher(circuit, values), np.eye(10), rtol=0, atol=1e-12)
        assert np.abs(classical_fisher(circuit, values) - np.eye(10)).max() > 0.1


def test_stokes_is_the_published_metric():
    """Oracle 6: g = F_Q / 4 to six digits."""
    expected = np.diag([0.125, 0.1875, 0.249734, 0.202936])
    for (i, j), number in {(2, 3): -0.015247, (0, 2): -0.005763, (1, 2): 0.004075}.items():
        expected[i, j] = expected[j, i] = number
    entry = catalogue.entry("stokes")
    assert_allclose(
        quantum_fisher(catalogue.circuit("stokes"), entry.values) / 4, expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("name", VARIATIONAL)
def test_variational_circuits_have_the_recorded_energy_at_a_stationary_point(name: str):
    # Seen to fail: one angle changed by 1e-3, the observable's labels read from the left.
    entry, circuit = catalogue.entry(name), catalogue.circuit(name)
    h = dense_observable(ROOT / "circuits" / "observables" / entry.observable)
    state, tangents = contracted.state_and_tangents(circuit, entry.values)
    assert_allclose((state.conj() @ h @ state).real, entry.energy, rtol=0, atol=1e-10)
    assert np.abs(2 * (tangents.conj() @ h @ state).real).max() < 1e-4
    above = entry.energy - np.linalg.eigvalsh(h)[0]
    assert_allclose(above, ABOVE_THE_GROUND_ENERGY[name], rtol=0.01, atol=1e-12)


ABOVE_THE_GROUND_ENERGY = {"h2": 0, "ising-10": 3.46e-8, "heisenberg-8": 1.78e-7, "maxcut-8": 0.34179}
"""What the titles promise."""


def dense_observable(path: Path) -> np.ndarray:
    """H of a file, by Kronecker products; all of ours are real."""
    pauli = {"I": np.eye(2), "X": np.eye(2)[::-1], "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}
    terms = [line.split() for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return sum(float(weight) * reduce(np.kron, [pauli[x] for x in label]) for weight, label in terms).real


# --- mistakes ---------------------------------------------------------------------------------------------


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"out of born-4, born-5, iqp-4, stokes.*got 'born-7'"):
        catalogue.circuit("born-7")


@pytest.mark.parametrize(
    ("folder", "message"),
    [("changed", "expected SHA-256 [0-9a-f]{64} of the catalogue's stokes.qasm"), ("absent", "got none")],
)
def test_a_changed_or_missing_file_is_refused(folder, message, tmp_path: Path, monkeypatch):
    catalogue.entry("stokes")  # the manifest is the real one
    if folder == "changed":
        text = catalogue.text("stokes").replace("pi/4", "pi/5")
        (tmp_path / "stokes.qasm").write_text(text)
    monkeypatch.setattr(catalogue, "files", lambda package: tmp_path)  # noqa: ARG005
    with pytest.raises(CircuitError, match=message):
        catalogue.circuit("stokes")


# --- packaging --------------------------------------------------------------------------------------------


def test_the_packages_listed_are_those_of_the_tree():
    with (ROOT / "pyproject.toml").open("rb") as file:
        setuptools = tomllib.load(file)["tool"]["setuptools"]
    roots = {path.parent.relative_to(ROOT) for path in (ROOT / "qgeo").rglob("__init__.py")}
    tree = {".".join(root.parts) for root in roots} | {"qgeo.catalogue"}
    assert set(setuptools["packages"]) == tree
    assert setuptools["package-dir"] == {"qgeo.catalogue": "circuits"}
    assert set(setuptools["package-data"]["qgeo.catalogue"]) == {
        "*.qasm",
        "manifest.toml",
        "observables/*.txt",
    }


def test_every_module_lies_in_a_package():
    folders = {path.parent for path in (ROOT / "qgeo").rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_the_catalogue_is_data():
    module = ast.parse((ROOT / "circuits" / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(module)
    assert len(module.body) == 1
