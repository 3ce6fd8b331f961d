"""Realised against predicted KL divergence of a step, over a range of its lengths.

    realised    KL(p_θ ‖ p_{θ+sδ})      predicted    ½ s² δᵀF_Cδ      mean over contexts, nats per token

Where the two part the quadratic model of a step has ended: the head turns within the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from qgeo.errors import ShapeError
from qgeo.geometry.filter import Floats
from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.heads.protocol import checked_head
from qgeo.optim.exact import classical
from qgeo.optim.line import Line


@dataclass(frozen=True, eq=False)
class KLCurve:
    """KL divergences of a step at N lengths s, nats per token: (N,) each."""

    lengths: Floats
    realised: Floats
    predicted: Floats


def kl_curve(head: nn.Module, contexts: Tensor, step: ArrayLike, lengths: ArrayLike) -> KLCurve:
    """How far a head moves along a step, and how far its exact F_C says it would.

    Args:
        head: its parameters are as before afterwards; contexts: (B, k).
        step: δ (P,), over trainable numbers in `named_parameters` order; lengths: s, (N,).

    Raises:
        ConfigurationError: no head; ShapeError: a step that is not (P,).

    >>> from qgeo.heads.classical import SoftmaxHead
    >>> head = SoftmaxHead(3, 1)
    >>> size = sum(parameter.numel() for parameter in head.parameters())
    >>> curve = kl_curve(head, torch.zeros(1, 1, dtype=torch.long), np.ones(size), [1e-4, 1e-3])
    >>> (curve.realised / curve.predicted).round(2)
    array([1., 1.])
    """
    checked_head(head)
    start = flat_parameters(head)
    direction = torch.as_tensor(step, dtype=torch.float64, device=start.device)
    if direction.shape != start.shape:
        raise ShapeError(f"expected a step of {len(start)} numbers, got shape {tuple(direction.shape)}")
    sizes = np.atleast_1d(np.asarray(lengths, dtype=float))
    parameters = [parameter for _, parameter in trainable(head)]
    realised = Line(head, parameters, start, direction, contexts).kls(sizes.tolist())
    curvature = float(direction @ (classical(checked_head(head), contexts) @ direction))
    return KLCurve(sizes, np.array(realised), sizes**2 * curvature / 2)
