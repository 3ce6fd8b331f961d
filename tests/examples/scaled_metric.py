"""A metric of one's own: the exact F_C times two, and what it costs."""

from __future__ import annotations

from torch import Tensor

from qgeo.geometry.operators import DenseMatrix, InformationMatrix
from qgeo.heads.protocol import Head
from qgeo.optim.exact import classical
from qgeo.optim.metrics import METRICS, Evaluations, Metric, dense_bytes


def twice_classical(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    return DenseMatrix(2 * classical(head, contexts, targets).to_dense())


METRICS.register(
    Metric(
        "twice-classical",
        exact=twice_classical,
        evaluations=Evaluations("B: one more look at each context", lambda _: 1),
        bytes=dense_bytes,
    )
)
