"""The frozen catalogue: a few circuits that experiments cite by name and digest.

Files and manifest lie in `circuits/`, installed as the package `qgeo.catalogue`; the observables of its
variational circuits in `circuits/observables/`. An entry records the call that builds the circuit, the order
of its parameters, numbers for all of them, and at these the spectra of F_Q and F_C with every parameter
trainable: another SDK can read the same text and check itself (and us). A file whose SHA-256 is not the
recorded one is refused. `tests/circuit/make_catalogue.py` writes circuits, manifest and `circuits/README.md`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from qiskit import QuantumCircuit

from qgeo.circuit.qasm import read_qasm
from qgeo.errors import CircuitError, ConfigurationError

PACKAGE = "qgeo.catalogue"


@dataclass(frozen=True)
class CatalogueEntry:
    """What the manifest says about one circuit.

    Attributes:
        name, title: how to cite it, and what it is.
        file, sha256: its OpenQASM 3 text in `circuits/`, and the digest of its bytes.
        builder: the Python expression that makes the circuit, with the names of `qgeo.circuit.ansatz`,
            `qgeo.circuit.variational` and `qgeo.circuit.examples`.
        num_qubits: n.
        parameters: names of all parameters, in `circuit.parameters` order.
        input_parameters: those of them that carry data where the circuit is used as a head.
        values: one number per entry of `parameters`.
        quantum_fisher_eigenvalues: of F_Q at `values`, all parameters trainable; ascending.
        rank: how many of them exceed 1e-9 of the largest.
        classical_fisher_eigenvalues: of F_C at `values`, all qubits measured in Z; ascending.
        classical_rank: how many of those exceed 1e-9 of the largest.
        provenance: where circuit and numbers come from.
        observable: of a variational circuit, the file in `circuits/observables/` that it is for.
        energy: ⟨H⟩ of that observable at `values`, the lowest that was found.
    """

    name: str
    title: str
    file: str
    sha256: str
    builder: str
    num_qubits: int
    parameters: tuple[str, ...]
    input_parameters: tuple[str, ...]
    values: tuple[float, ...]
    quantum_fisher_eigenvalues: tuple[float, ...]
    rank: int
    classical_fisher_eigenvalues: tuple[float, ...]
    classical_rank: int
    provenance: str
    observable: str | None = None
    energy: float | None = None


def names() -> tuple[str, ...]:
    """Names of all entries, in the manifest's order."""
    return tuple(_manifest())


def entry(name: str) -> CatalogueEntry:
    """The manifest's entry of that name.

    Raises:
        ConfigurationError: no such entry; the message lists those there are.

    >>> entry("stokes").parameters
    ('theta_00', 'theta_01', 'theta_02', 'theta_03')
    """
    if name not in _manifest():
        raise ConfigurationError(
            f"expected a catalogue circuit out of {', '.join(names())}, got {name!r}; choose one of these"
        )
    return _manifest()[name]


def text(name: str) -> str:
    """OpenQASM 3 text of an entry.

    Raises:
        ConfigurationError: no such entry.
        CircuitError: the file is missing, or its SHA-256 is not the recorded one.
    """
    wanted = entry(name)
    content = _bytes(wanted.file)
    digest = sha256(content).hexdigest()
    if digest != wanted.sha256:
        raise CircuitError(
            f"expected SHA-256 {wanted.sha256} of the catalogue's {wanted.file}, got {digest}; the file was "
            "changed: install qgeo again, or copy the circuit under a name of your own"
        )
    return content.decode("utf-8")


def circuit(name: str) -> QuantumCircuit:
    """The circuit of an entry, read from its OpenQASM text; errors as in `text`.

    >>> circuit("iqp-4").num_parameters
    10
    """
    loaded = read_qasm(text(name)).circuit
    loaded.name = name
    return loaded


@lru_cache(maxsize=1)
def _manifest() -> MappingProxyType[str, CatalogueEntry]:
    tables = tomllib.loads(_bytes("manifest.toml").decode("utf-8"))
    return MappingProxyType({name: _entry(name, table) for name, table in tables.items()})


def _entry(name: str, table: dict[str, Any]) -> CatalogueEntry:
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return CatalogueEntry(name=name, **fields)


def _bytes(file: str) -> bytes:
    try:
        return (files(PACKAGE) / file).read_bytes()
    except (OSError, ModuleNotFoundError):
        raise CircuitError(
            f"expected the catalogue's {file} in the package {PACKAGE}, got none; install qgeo again"
        ) from None
