"""The forest plot: estimates, both intervals, margins, predictions, and what has no estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contrast_rows import contrast, contrasts

from qgeo.plot import forest
from qgeo.plot.style import PAPER


def drawn_at(axes, place):
    """Lines of a row, by width, and its marks: (marker, x, face)."""
    lines = [line for line in axes.lines if set(np.atleast_1d(line.get_ydata())) == {place}]
    widths = {line.get_linewidth(): tuple(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2}
    marks = [line for line in lines if len(line.get_xdata()) == 1]
    return widths, [(mark.get_marker(), mark.get_xdata()[0], mark.get_markerfacecolor()) for mark in marks]


def test_a_row_is_its_estimate_and_both_intervals():
    # Seen to fail: the 95% interval drawn thick and the 90% one thin.
    axes = forest(contrasts(), "x")
    widths, marks = drawn_at(axes, 0)
    (_, thin), (_, thick) = sorted(widths.items())
    assert thin == pytest.approx((-0.25, 0.35))
    assert thick == pytest.approx((-0.15, 0.25))
    assert [(mark, at) for mark, at, _ in marks] == [("o", 0.05)]


def test_the_margin_is_shaded_row_by_row():
    rows = [contrast("a", 0.0, 0.1), contrast("b", 0.0, 0.1, margin=0.3)]
    bars = forest(rows, "x").patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(-0.1, 0.2), (-0.3, 0.6)]


def test_an_exploratory_row_has_an_open_mark_and_arrows_instead_of_an_axis_of_its_own():
    # Seen to fail: an axis for the widest interval, on which the margin is a line.
    axes = forest(contrasts(), "x")
    low, high = axes.get_xlim()
    assert -0.4 < low < -0.25
    assert 0.35 < high < 0.5
    widths, marks = drawn_at(axes, 1)
    assert all(ends == (low, high) for ends in widths.values())
    assert [mark[:2] for mark in marks] == [("<", low), (">", high)] * 2 + [("s", -0.2)]
    assert marks[-1][2] == PAPER
    assert drawn_at(axes, 0)[1][0][2] != PAPER


def test_a_ratio_has_its_margin_around_one_and_a_cross_at_its_prediction():
    # Seen to fail: margin and line at zero; the axis without the prediction.
    row = replace(contrast("a", 0.98, 0.03, margin=0.05), nothing=1.0, predicted=0.6)
    axes = forest([row], "x")
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0.95, pytest.approx(0.1))]
    assert axes.get_xlim()[0] < 0.6 < 1.05 < axes.get_xlim()[1] < 1.2
    crosses = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "x"]
    assert crosses == [0.6]
    assert any(list(line.get_xdata()) == [1.0, 1.0] for line in axes.lines)


def test_a_diverged_row_is_named_and_empty():
    axes = forest(contrasts(), "x")
    assert drawn_at(axes, 2) == ({}, [])
    assert "a run diverged" in axes.get_yticklabels()[2].get_text()
