"""Colours of the page on its backgrounds, light and dark: the contrast that WCAG 2.2 asks for, computed.

(L₁ + 0.05)/(L₂ + 0.05), L = 0.2126 R + 0.7152 G + 0.0722 B, linear light             (sec. 1.4.3, 1.4.11)
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product

import pytest

from qgeo.plot.style import ARM_COLOURS, FAINT, INK, PAPER

CSS = files("qgeo.comparison.page").joinpath("report.css").read_text(encoding="utf-8")
SCHEMES = dict(
    zip(
        ("light", "dark"),
        (dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in CSS.split(":root {")[1:]),
        strict=True,
    )
)
TEXTS, BACKGROUNDS = ("ink", "faint", "warn"), ("paper", "tint")
PENS = [f"arm-{place}" for place in range(len(ARM_COLOURS))]


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.005)  # WCAG's own example of 4.5 : 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_is_read_and_lines_are_seen(scheme):
    # Seen to fail: faint marks of samples at 65% opacity; --faint as light as --rule.
    colours = SCHEMES[scheme]
    read = {pair: contrast(*(colours[name] for name in pair)) for pair in product(TEXTS, BACKGROUNDS)}
    seen = {pen: contrast(colours[pen], colours["paper"]) for pen in (*PENS, "accent")}
    assert {pair: ratio for pair, ratio in read.items() if ratio < 4.5} == {}
    assert {pen: ratio for pen, ratio in seen.items() if ratio < 3} == {}
    assert "opacity" not in CSS  # it would make every pair another


def test_figures_as_files_are_read_on_paper():
    assert min(contrast(colour, PAPER) for colour in (INK, FAINT)) >= 4.5
    assert min(contrast(colour, PAPER) for colour in ARM_COLOURS) >= 3
    assert [SCHEMES["light"][pen] for pen in PENS] == list(ARM_COLOURS)
