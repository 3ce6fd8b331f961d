"""Figures: the same data give the same bytes, nothing is referred to outside, arms can be told apart."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from contrast_rows import LONG, contrast, contrasts
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from qgeo import plot
from qgeo.comparison.page import drawing
from qgeo.comparison.page.figures import Drawing, figure_files, svg_documents
from qgeo.errors import ShapeError
from qgeo.optim.kl_curve import KLCurve
from qgeo.optim.sharpness import SharpnessCurve
from qgeo.plot import Curve, DampingCurve, Filter, Level, LogLine, Row, Spectrum, bloch, forest
from qgeo.plot.style import ARM_COLOURS, figure_of, pen, swatch
from qgeo.statistics.means import mean_interval

STEPS = np.arange(10.0, 160.0, 10.0)
LEVELS = [Level("unigram", 2.86), Level("bigram", 2.41), Level("trigram", 2.40), Level("floor", 2.2)]


def curve(name, seeds=3, offset=0.0, diverged_from=None, seconds=1.0, style=0):
    generator = np.random.default_rng(0)
    losses = 2.4 + offset + np.exp(-STEPS / 30) + 0.01 * generator.normal(size=(seeds, len(STEPS)))
    if diverged_from is not None:
        losses[0, diverged_from:] = np.nan
    return Curve(name, STEPS * seconds, losses, style)


def row(name, values, style=0):
    return Row(name, mean_interval(values), tuple(values), style)


def all_figures():
    spectrum = np.geomspace(10, 1e-14, 30)
    panels = [Spectrum(name, spectrum, np.append(spectrum[:9], 0.0), 1) for name in ("a", "b", "c")]
    rows = [row("a", [2.4, 2.5]), row(LONG, [2.3, None], 1), row("c", [None, None], 2), row("d", [2.6], 3)]
    return {
        "steps": plot.curves([curve("a"), curve(LONG, diverged_from=4, style=1)], LEVELS),
        "shots": plot.curves(
            [curve("a"), curve("a@aer", style=1)], LEVELS, axis="shots since the start", scale="log"
        ),
        "final": plot.losses(rows, [*LEVELS, Level("far <away>", 9.0)]),
        "differences": plot.differences(rows, "a"),
        "forest": forest(contrasts(), "log excess minus the reference’s"),
        "spectra": plot.spectra(panels),
        "filter": plot.filters(
            [Filter("a", np.linspace(1, 0, 30)), Filter("b", np.linspace(0.9, 0.1, 4), 1)]
        ),
        "damping": plot.damping_curves(
            [DampingCurve("a", np.array([0.01, 0.1, 1.0]), np.array([2.4, np.nan, 2.6]))]
        ),
        "spectrum": plot.spectrum({"F_Q": np.diag([4.0, 1.0]), "F_C": np.diag([2.0, 0.0])}),
        "loewner": plot.loewner(np.diag([1.0, 0.5]), np.eye(2)),
        "matrix": plot.matrix(np.array([[1.0, -0.5], [-0.5, 2.0]]), ["theta_00", "theta_01"]),
        "bloch": plot.bloch_sphere(lambda theta, _: np.diag([1.0, np.sin(theta) ** 2])),
        "angles": plot.angles({"gradient": [1.0, 0.0], "natural": [1.0, 1.0], "adam": [-1.0, 2.0]}),
        "dimensions": plot.dimensions({"a": [np.eye(3)], "b": [np.diag([1.0, 0, 0])]}, [100, 1e4, 1e6]),
        "kl": plot.kl_curves({"a": KLCurve(STEPS, STEPS**2 * 1e-6, STEPS**2 * 1.1e-6)}),
        "points": plot.points([plot.Points("a", STEPS, STEPS**2)], "x", "y", scale="log"),
        "null": plot.null_directions(np.ones((2, 2)), ["theta_00", "theta_01"]),
        "no-null": plot.null_directions(np.eye(2), ["theta_00", "theta_01"]),
        "sharpness": plot.sharpness(
            {"a": SharpnessCurve(STEPS / 1e3, STEPS / 9e2, STEPS / 8e2, STEPS / 1e3)}
        ),
        "loglog": plot.loglog(
            [LogLine("a", np.array([0.01, 0.1]), np.array([[1e-4, 1e-2], [2e-4, 2e-2]]))],
            slopes=[2],
            axis="length",
            quantity="distance",
        ),
        "swatch": swatch(5),
    }


def inline(axes, name, label):
    return drawing.inline_svg(drawing.svg_document(figure_of(axes)), name, label)


def files(drawn, folder):
    drawings = {name: Drawing(figure_of(axes), [{"a": 1}]) for name, axes in drawn.items()}
    return figure_files(drawings, svg_documents(drawings), folder)


@pytest.fixture(scope="module")
def drawn():
    return all_figures()


def test_files_are_the_same_bytes_each_time(tmp_path, drawn):
    # Seen to fail without the hash salt, with creation dates left in, and with the caller's settings at work.
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "savefig.bbox": "tight"}):
        once = all_figures()
        documents = {name: drawing.svg_document(figure_of(axes)) for name, axes in once.items()}
        paths = files(_some(once), tmp_path / "one")
    again = files(_some(drawn), tmp_path / "two")
    assert documents == {name: drawing.svg_document(figure_of(axes)) for name, axes in drawn.items()}
    assert [path.name for path in paths] == [path.name for path in again]
    assert {path.suffix for path in paths} == {".svg", ".pdf", ".csv"}
    for first, second in zip(paths, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert {path.name for path in (tmp_path / "one").iterdir()} == {path.name for path in paths}


def _some(figures):
    """A line, a matrix, several panels: PDF of all takes ten seconds and goes one way."""
    return {name: figures[name] for name in ("steps", "matrix", "spectra")}


def test_settings_of_the_caller_come_back(drawn):
    before = dict(matplotlib.rcParams)
    plot.curves([curve("a")])
    inline(drawn["steps"], "x", "x")
    assert dict(matplotlib.rcParams) == before


def test_no_label_is_markup(drawn):
    # Seen to fail: a logarithmic axis with matplotlib's formatter, whose markup is not parsed here.
    for name, axes in drawn.items():
        assert "mathdefault" not in inline(axes, name, name), name


def test_inline_ids_are_unique_and_every_reference_is_met(drawn):
    page = "".join(inline(axes, name, name) for name, axes in drawn.items())
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    references = re.findall(r'href="#([^"]*)"', page) + re.findall(r"url\(#([^)]*)\)", page)
    assert references
    assert set(references) <= set(ids)


def test_inline_svg_stands_alone(drawn):
    for name, axes in drawn.items():
        svg = inline(axes, name, 'says "a < b"')
        assert not re.search(r"https?:|xmlns|<\?xml|<!DOCTYPE|<style|font-family", svg), name
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"] == 'says "a < b"'
        assert len(root.attrib["viewBox"].split()) == 4


def test_inline_colours_are_the_pages(drawn):
    svg = inline(drawn["steps"], "x", "x")
    assert "currentColor" in svg
    assert "var(--arm-1, " in svg
    drawn_bare = re.findall(r"(?<!, )#[0-9a-f]{6}\b", re.sub(r'id="[^"]*"|"#[^"]*"', "", svg))
    assert not drawn_bare


def test_names_are_escaped():
    svg = inline(plot.curves([curve("<script>$x^2$ & co")]), "x", "x")
    text = "".join(ElementTree.fromstring(svg).itertext())
    assert "<script>$x^2$ & co" in text
    assert "<script" not in svg


def words_of(axes):
    root = ElementTree.fromstring(inline(axes, "x", "x"))
    return " ".join(" ".join(root.itertext()).split())


def test_everything_that_was_named_is_drawn(drawn):
    text = words_of(drawn["final"])
    for words in (
        "born+quantum-block-diagonal",
        "indeed",
        "1 of 2 diverged",
        "2 of 2 diverged",
        "floor",
        "→ far <away> 9.000",
    ):
        assert words in text, words
    assert "(1 of 3 diverged)" in words_of(drawn["steps"])


def test_a_diverged_arm_ends_where_its_runs_were_last_whole():
    axes = plot.curves([curve("a", diverged_from=4)])
    mean = next(line for line in axes.lines if len(line.get_xdata()) == len(STEPS))
    assert np.isfinite(mean.get_ydata()).sum() == 4
    cross = next(line for line in axes.lines if line.get_marker() == "x")
    assert list(cross.get_xdata()) == [STEPS[3]]


@pytest.mark.parametrize(
    ("scale", "named"),
    [
        (20_000, ["200k", "500k", "1M", "2M"]),
        (1e-5, ["0.0001", "0.0002", "0.0005", "0.001"]),
    ],
)
def test_a_short_logarithmic_axis_has_more_names_than_its_powers_of_ten(scale, named):
    # Seen to fail: one name, 1e+06.
    axes = plot.curves([curve("a", seconds=scale)], axis="circuits", scale="log")
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), [label.get_text() for label in axes.get_xticklabels()], strict=True)
    assert [name for at, name in ticks if low <= at <= high] == named


def test_a_long_logarithmic_axis_names_powers_of_ten():
    axes = plot.curves([curve("a"), curve("b", seconds=100)], axis="circuits", scale="log")
    low, high = axes.get_xlim()
    assert [at for at in axes.get_xticks() if low <= at <= high] == [10, 100, 1000, 10000]


@pytest.mark.parametrize(
    "name",
    [
        "steps",
        "shots",
        "final",
        "differences",
        "forest",
        "spectra",
        "filter",
        "damping",
        "spectrum",
        "loewner",
    ],
)
def test_no_text_leaves_the_page(drawn, name):
    # Seen to fail with long names unwrapped in the legend, and without constrained layout.
    root = ElementTree.fromstring(inline(drawn[name], "x", "x"))
    width = float(root.attrib["viewBox"].split()[2])
    level = [text for text in root.iter("text") if "rotate(-90 " not in text.attrib["transform"]]
    assert len(level) > 5
    for text in level:
        left, right = horizontal_extent(text)
        assert -0.5 < left < right < width + 0.5, "".join(text.itertext())


def horizontal_extent(text):
    """Where a text begins and ends, from its unhinted width; several lines are placed by a translation."""
    style, words = text.attrib["style"], "".join(text.itertext())
    font = FontProperties(family="DejaVu Sans", size=float(re.search(r"font-size: ([\d.]+)px", style)[1]))
    length = TextToPath().get_text_width_height_descent(words, font, False)[0]
    translated = re.match(r"translate\(([-\d.]+)", text.attrib["transform"])
    if translated:
        return float(translated[1]), float(translated[1]) + length
    anchor = {"start": 0, "middle": 0.5, "end": 1}[re.search(r"text-anchor: (\w+)", style)[1]]
    left = float(text.attrib["x"]) - anchor * length
    return left, left + length


def test_figures_without_anything_to_show():
    nowhere = Curve("a", np.array([0.0]), np.full((2, 1), np.nan))
    zeros = Spectrum("a", np.zeros(3), np.zeros(3), 0)
    for axes in (
        plot.curves([]),
        plot.curves([nowhere]),
        plot.losses([row("a", [None, None])], LEVELS),
        plot.differences([row("a", [None])], "b"),
        forest([contrast("a", None, None)], "x"),
        plot.spectra([zeros]),
    ):
        assert "<svg" in inline(axes, "x", "x")


def test_arms_differ_in_colour_dashes_and_marker_and_all_together():
    pens = [pen(index) for index in range(40)]
    assert all(first != second for first, second in combinations(pens, 2))
    for first, second in pairwise(pens):
        assert all(first[key] != second[key] for key in ("color", "linestyle", "marker"))


@pytest.mark.parametrize("colour", ARM_COLOURS)
def test_colours_are_readable_on_white(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) > 3  # WCAG 2.2, 1.4.11: graphical objects


def test_labels_of_close_levels_do_not_overlap():
    levels = [Level(f"level-{index}", 2.4 + 0.001 * index) for index in range(4)]
    axes = plot.losses([row("a", [2.4, 2.5])], levels)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 4
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))


@pytest.mark.parametrize("near", [2.4, 9.0])
def test_one_arm_leaves_room_for_the_names_of_many_bars(near):
    # Seen to fail: a warning that the axes had collapsed to zero.
    bars = [Level(f"{n}-gram, seen windows", near + 0.01 * n) for n in range(8)]
    figure_of(plot.losses([row("a", [2.4, 2.5])], bars)).draw_without_rendering()


# --- matrices -----------------------------------------------------------------------------------------------


def test_a_matrix_has_its_names_in_order_and_no_colour_at_zero():
    # Seen to fail: the scale from the least to the largest entry, on which zero is no white.
    axes = plot.matrix(np.array([[1.0, -0.5], [-0.5, 0.0]]), ["theta_00", "theta_01"])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["theta_00", "theta_01"]
    (cells,) = axes.collections
    assert to_rgb(cells.cmap(cells.norm(0.0))) == pytest.approx((1, 1, 1), abs=0.01)
    assert cells.norm(1.0) == 1.0
    assert axes.yaxis_inverted()


@pytest.mark.parametrize(
    ("matrix", "names"), [(np.ones(3), None), (np.full((2, 2), np.nan), None), (np.eye(2), ["a"])]
)
def test_what_is_no_matrix_with_names_is_refused(matrix, names):
    with pytest.raises(ShapeError):
        plot.matrix(matrix, names)


def test_loewner_tells_what_is_beyond_the_order():
    # Seen to fail: both in one colour.
    axes = plot.loewner(np.diag([1.0, 3.0, 0.5]), np.diag([2.0, 2.0, 2.0]))
    within, beyond = [line for line in axes.lines if line.get_marker() != "None"]
    assert within.get_ydata().tolist() == pytest.approx([0.5, 0.25])
    assert beyond.get_ydata().tolist() == pytest.approx([1.5])
    assert beyond.get_label() == "beyond it: 1"


def test_a_spectrum_falls_and_leaves_rounding_out():
    # Seen to fail: in rising order.
    axes = plot.spectrum({"F": np.diag([1.0, 1e-14, 4.0])})
    assert axes.lines[0].get_ydata().tolist() == [4.0, 1.0]


def test_under_the_quantum_metric_all_ellipses_of_the_bloch_sphere_are_circles_of_one_size():
    # Seen to fail: steps of length² = δᵀδ.
    steps = bloch._steps(np.diag([1.0, np.sin(0.7) ** 2]), 0.15)
    assert np.hypot(steps[0], np.sin(0.7) * steps[1]) == pytest.approx(0.15)


def test_where_a_metric_vanishes_a_step_ends():
    steps = bloch._steps(np.diag([1.0, 0.0]), 0.15)
    assert np.abs(steps[1]).max() == pytest.approx(bloch.MOST_REACH, rel=1e-2)


def test_only_what_faces_the_reader_is_drawn():
    axes = plot.bloch_sphere(lambda *_: np.eye(2))
    assert 20 < len(axes.patches) < 45
    with pytest.raises(ShapeError, match=r"\(2, 2\) matrix"):
        plot.bloch_sphere(lambda *_: np.eye(3))


def test_a_damping_that_diverged_leaves_a_gap():
    axes = plot.damping_curves([DampingCurve("a", np.array([0.01, 0.1, 1.0]), np.array([2.4, np.nan, 2.6]))])
    assert np.isnan(axes.lines[0].get_ydata()[1])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.01", "0.1", "1"]


def test_a_spectrum_says_its_rank_and_participation_ratio():
    axes = plot.spectrum({"F": np.diag([3.0, 1.0, 0.0])})
    assert axes.lines[0].get_label() == "F: rank 2, participation ratio 1.6"


def test_null_directions_are_drawn_over_what_they_move():
    # Seen to fail: over all parameters.
    axes = plot.null_directions([[0, 0, 0], [0, 2, 2], [0, 2, 2]], ["a", "b", "c"])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    assert sorted(np.abs(axes.collections[0].get_array()).sum(1)) == pytest.approx([1, 2])
    still = plot.null_directions([[1, 0, 0], [0, 2, 2], [0, 2, 2]], ["a", "b", "c"])
    assert [label.get_text() for label in still.get_xticklabels()] == ["b", "c"]


def test_realised_kl_stands_over_what_was_predicted_beside_the_line():
    # Seen to fail: the two exchanged.
    axes = plot.kl_curves({"a": KLCurve(STEPS, 2 * STEPS**2, STEPS**2)})
    drawn_line, diagonal = axes.lines
    assert (drawn_line.get_ydata() == 2 * drawn_line.get_xdata()).all()
    assert diagonal.get_xdata().tolist() == diagonal.get_ydata().tolist()
    assert diagonal.get_label() == "as predicted"


def test_sharpness_has_what_was_seen_with_markers_and_what_was_predicted_without():
    # Seen to fail: the two exchanged.
    axes = plot.sharpness({"a": SharpnessCurve(STEPS, 2 * STEPS, 3 * STEPS, STEPS)})
    seen, predicted, _ = axes.lines
    assert (seen.get_ydata() == 3 * STEPS).all()
    assert (predicted.get_ydata() == 2 * STEPS).all()
    assert predicted.get_marker() == "None"
