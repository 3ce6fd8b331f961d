"""Plots of information geometry and of comparisons, which the report of a comparison is drawn with.

    matrices     spectrum, loewner, matrix, null_directions, dimensions, bloch_sphere
    steps        angles, kl_curves, sharpness
    training     curves, damping_curves, losses, differences
    verdicts     forest, also of races
    predictions  agreement
    orders       loglog
    energies     energies, step_angles
    anything     points

Each draws a figure of its own and returns its matplotlib axes (`spectra` a list of them):
`axes.figure.savefig(…)` keeps it. Colours, dashes and markers can be told apart without colour vision, and
in greyscale.

>>> import numpy as np
>>> from qgeo.plot import matrix
>>> type(matrix(np.eye(3)).figure).__name__
'Figure'
"""

from qgeo.plot.agreement import Agreement, agreement
from qgeo.plot.bloch import bloch_sphere
from qgeo.plot.curves import Curve, curves
from qgeo.plot.damping import DampingCurve, damping_curves
from qgeo.plot.energies import energies, step_angles
from qgeo.plot.forest import ContrastRow, forest
from qgeo.plot.levels import Level
from qgeo.plot.loglog import LogLine, loglog
from qgeo.plot.matrices import matrix, null_directions
from qgeo.plot.points import Points, points
from qgeo.plot.rows import Row, differences, losses
from qgeo.plot.spectra import Filter, Spectrum, dimensions, filters, loewner, spectra, spectrum
from qgeo.plot.steps import angles, kl_curves, sharpness

__all__ = [
    "Agreement",
    "ContrastRow",
    "Curve",
    "DampingCurve",
    "Filter",
    "Level",
    "LogLine",
    "Points",
    "Row",
    "Spectrum",
    "agreement",
    "angles",
    "bloch_sphere",
    "curves",
    "damping_curves",
    "differences",
    "dimensions",
    "energies",
    "filters",
    "forest",
    "kl_curves",
    "loewner",
    "loglog",
    "losses",
    "matrix",
    "null_directions",
    "points",
    "sharpness",
    "spectra",
    "spectrum",
    "step_angles",
]
