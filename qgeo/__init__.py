"""qgeo: the information geometry of quantum models, computed.

The public names; each is imported on first use, so that `import qgeo` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "compile": "qgeo.circuit.compiler",
    "Program": "qgeo.circuit.program",
    "quantum_geometric_tensor": "qgeo.geometry.exact",
    "quantum_fisher": "qgeo.geometry.exact",
    "quantum_fisher_operator": "qgeo.geometry.quantum_operator",
    "classical_fisher": "qgeo.geometry.exact",
    "differentiable_quantum_fisher": "qgeo.geometry.differentiable",
    "NaturalGradient": "qgeo.optim.natural_gradient",
    "BornHead": "qgeo.heads.born",
    "PauliHead": "qgeo.heads.pauli",
    "SoftmaxHead": "qgeo.heads.classical",
    "MLPHead": "qgeo.heads.classical",
    "Expectation": "qgeo.observables.expectation",
    "GaussianLikelihood": "qgeo.modules.likelihood",
    "load_circuit": "qgeo.circuit.qasm",
    "save_circuit": "qgeo.circuit.qasm",
    "compare": "qgeo.comparison.comparison",
    "ComparisonResult": "qgeo.comparison.comparison",
    "QGeoError": "qgeo.errors",
}

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from qgeo.circuit.compiler import compile as compile
    from qgeo.circuit.program import Program as Program
    from qgeo.circuit.qasm import load_circuit as load_circuit
    from qgeo.circuit.qasm import save_circuit as save_circuit
    from qgeo.comparison.comparison import ComparisonResult as ComparisonResult
    from qgeo.comparison.comparison import compare as compare
    from qgeo.errors import QGeoError as QGeoError
    from qgeo.geometry.differentiable import (
        differentiable_quantum_fisher as differentiable_quantum_fisher,
    )
    from qgeo.geometry.exact import classical_fisher as classical_fisher
    from qgeo.geometry.exact import quantum_fisher as quantum_fisher
    from qgeo.geometry.exact import quantum_geometric_tensor as quantum_geometric_tensor
    from qgeo.geometry.quantum_operator import quantum_fisher_operator as quantum_fisher_operator
    from qgeo.heads.born import BornHead as BornHead
    from qgeo.heads.classical import MLPHead as MLPHead
    from qgeo.heads.classical import SoftmaxHead as SoftmaxHead
    from qgeo.heads.pauli import PauliHead as PauliHead
    from qgeo.modules.likelihood import GaussianLikelihood as GaussianLikelihood
    from qgeo.observables.expectation import Expectation as Expectation
    from qgeo.optim.natural_gradient import NaturalGradient as NaturalGradient


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'qgeo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
