"""The frozen catalogue: builder ≡ file, recorded numbers = recomputed ones, digests, and its oracles.

Seen to fail: one angle of a file changed (digest; with the digest mended: matrix and spectrum), two parameter
names exchanged in a file, g instead of F_Q in the manifest, one value changed there, a package left out.
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
from circuit import contracted, make_catalogue
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, random_statevector

from qgeo import classical_fisher, quantum_fisher
from qgeo.circuit import catalogue
from qgeo.circuit.ansatz import BORN_ANSATZ, BORN_LAYERS, ansatz
from qgeo.circuit.qasm import read_qasm
from qgeo.errors import CircuitError, ConfigurationError

ROOT = Path(__file__).parents[2]
NAMES = ("born-4", "born-5", "iqp-4", "stokes", "h2", "ising-10", "heisenberg-8", "maxcut-8")
VARIATIONAL = NAMES[4:]


@pytest.fixture(params=NAMES)
def entry(request) -> catalogue.CatalogueEntry:
    return catalogue.entry(request.param)


# --- builder, file, numbers -------------------------------------------------------------------------------


def test_the_first_entries_stay():
    assert catalogue.names()[: len(NAMES)] == NAMES
    assert set(catalogue.names()) == set(make_catalogue.SOURCES)


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


def test_recorded_spectrum_is_recomputed_by_two_paths(entry):
    circuit = catalogue.circuit(entry.name)
    for fisher in (contracted.qfim, quantum_fisher):
        eigenvalues = np.linalg.eigvalsh(fisher(circuit, entry.values))
        assert_allclose(eigenvalues, entry.quantum_fisher_eigenvalues, rtol=0, atol=1e-9)
        assert np.sum(eigenvalues > 1e-9 * eigenvalues[-1]) == entry.rank


def test_the_manifest_is_what_its_maker_makes(entry):
    with (ROOT / "circuits" / "manifest.toml").open("rb") as file:
        recorded = tomllib.load(file)[entry.name]
    made = make_catalogue.manifest_entry(entry.name, make_catalogue.SOURCES[entry.name])
    spectra = [numbers.pop("quantum_fisher_eigenvalues") for numbers in (recorded, made)]
    assert_allclose(*spectra, rtol=0, atol=1e-9)
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
    assert files == listed | {"__init__.py", "manifest.toml", "observables"}
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


# --- what the entries are for -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 5])
def test_born_heads_are_the_default(n: int):
    default, frozen = ansatz(BORN_ANSATZ, n, BORN_LAYERS), catalogue.entry(f"born-{n}")
    assert default.input_parameters == frozen.input_parameters
    values = np.random.default_rng(1).uniform(-3, 3, len(frozen.parameters))
    circuits = default.circuit, catalogue.circuit(f"born-{n}")
    before, after = (Operator(c.assign_parameters(values)).data for c in circuits)
    assert_allclose(after, before, rtol=0, atol=1e-13)


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
    with pytest.raises(ConfigurationError, match=r"out of born-4, born-5, iqp-4, stokes.*got 'born-6'"):
        catalogue.circuit("born-6")


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
