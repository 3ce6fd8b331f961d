"""The Bloch sphere with a metric on it: at each point the steps of one length, as an ellipse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import ArrayLike

from qgeo.errors import ShapeError
from qgeo.plot.style import FAINT, INK, RULE, Floats, drawn, pen

Metric = Callable[[float, float], ArrayLike]

MOST_REACH = 0.3
"""Radians: how far an ellipse reaches where the metric vanishes, and every step is free."""

_TURN, _TILT = np.pi / 5, np.pi / 7
"""Of the view, chosen: the pole and both axes of the equator are seen."""


_STATES = {
    "|0⟩": (0.0, 0.0),
    "|1⟩": (np.pi, 0.0),
    "|+⟩": (np.pi / 2, 0.0),
    "|+i⟩": (np.pi / 2, np.pi / 2),
}


@drawn
def bloch_sphere(metric: Metric, *, length: float = 0.15, style: int = 0) -> Axes:
    """Steps δ = (δθ, δφ) with δᵀF(θ, φ)δ = length², on the half of the sphere that faces the reader.

    The state is cos(θ/2)|0⟩ + e^{iφ} sin(θ/2)|1⟩. Under F_Q = diag(1, sin²θ) all ellipses are circles of one
    size; F_C of a measurement along z, diag(1, 0), lets φ run free, and its ellipses lie along the parallels.

    Args:
        metric: (θ, φ) → (2, 2), positive semidefinite.
        length: of the steps; style: the pen.

    Raises:
        ShapeError: the metric gives something else.
    """
    figure = Figure(figsize=(4.4, 4.4))
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96), aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    axes.set_axis_off()
    axes.plot(*_seen(_circle()).T, color=RULE, linewidth=0.8, zorder=0)
    angles = np.linspace(0, 2 * np.pi, 120)
    axes.plot(np.cos(angles), np.sin(angles), color=FAINT, linewidth=0.9, zorder=0)
    for point in _places():
        ellipse = _seen(_on_sphere(*(point[:, None] + _steps(_matrix(metric, *point), length))))
        axes.add_patch(Polygon(ellipse, facecolor=pen(style)["color"], alpha=0.35, edgecolor="none"))
    for state, (theta, phi) in _STATES.items():
        x, y = 1.1 * _seen(_on_sphere(np.array([theta]), np.array([phi])))[0]
        axes.text(x, y, state, color=INK, ha="center", va="center")
    return axes


def _matrix(metric: Metric, theta: float, phi: float) -> Floats:
    found = np.asarray(metric(theta, phi), dtype=np.float64)
    if found.shape != (2, 2) or not np.isfinite(found).all():
        raise ShapeError(
            f"expected a (2, 2) matrix of finite numbers from the metric, got shape {found.shape}"
        )
    return found


def _steps(metric: Floats, length: float) -> Floats:
    """(2, 60) steps of this length; along directions that cost nothing they end at `MOST_REACH`."""
    values, vectors = np.linalg.eigh(metric)
    reach = np.minimum(length / np.sqrt(np.maximum(values, 1e-12)), MOST_REACH)
    angles = np.linspace(0, 2 * np.pi, 60)
    return np.asarray(vectors @ (reach[:, None] * np.stack([np.cos(angles), np.sin(angles)])))


def _places() -> Floats:
    """(points, 2): θ and φ of points that are about evenly spread and face the reader."""
    rings = np.linspace(0.12, 0.88, 7) * np.pi
    places = [(theta, phi) for theta in rings for phi in np.arange(0, 2 * np.pi, 0.5 / np.sin(theta))]
    points = np.array(places)
    return points[_facing(_on_sphere(*points.T)) > 0.25]


def _on_sphere(theta: Floats, phi: Floats) -> Floats:
    """(…, 3) unit vectors."""
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)


def _circle() -> Floats:
    """The half of the equator that is seen."""
    return _on_sphere(np.full(240, np.pi / 2), np.linspace(-np.pi / 2 + _TURN, np.pi / 2 + _TURN, 240))


def _facing(points: Floats) -> Floats:
    """(…,) how far towards the reader."""
    towards = np.array([np.cos(_TILT) * np.cos(_TURN), np.cos(_TILT) * np.sin(_TURN), np.sin(_TILT)])
    return np.asarray(points @ towards)


def _seen(points: Floats) -> Floats:
    """(…, 2): as the reader sees them, from the front and a little above."""
    right = np.array([-np.sin(_TURN), np.cos(_TURN), 0.0])
    up = np.array([-np.sin(_TILT) * np.cos(_TURN), -np.sin(_TILT) * np.sin(_TURN), np.cos(_TILT)])
    return np.asarray(points @ np.stack([right, up], axis=-1))
