"""Docstrings become reStructuredText that says the same; the reference has every public name once."""

from __future__ import annotations

import doctest
from collections import Counter
from importlib import import_module

import pytest

import qgeo

pytest.importorskip("sphinx", reason="the extra docs")

from docs.extensions import api_pages, docstrings
from docs.extensions.docstrings import to_rst


@pytest.mark.parametrize(
    ("lines", "rst"),
    [
        (["|ψ⟩ of F* and x_"], [r"\|ψ⟩ of F\* and x\_", ""]),
        (["a `b", "c` d"], ["a ``b c`` d", ""]),
        (["a:", "", "    F = G|H|"], ["a:", "", "::", "", "        F = G|H|", ""]),
        (["one    two", "x      y"], ["::", "", "    one    two", "    x      y", ""]),
        ([">>> f(*a)", "`b`"], [">>> f(*a)", "`b`", ""]),
        (["Args:", "    a: |b|"], ["Args:", r"    a: \|b\|", ""]),
        (["Args:", "a: b"], ["Args:", "    a: b", ""]),
        (["Attributes:", "    a: b"], ["Args:", "    a: b", ""]),
    ],
)
def test_signs_are_text_and_what_is_aligned_is_literal(lines: list[str], rst: list[str]) -> None:
    # Seen to fail: text taken line by line; tables taken for prose.
    assert to_rst(lines) == rst
    assert doctest.testmod(docstrings).failed == 0


def test_every_public_name_is_on_one_page() -> None:
    # Seen to fail: without :exclude-members:.
    pages = api_pages.pages()
    assert all(f":: qgeo.{name}\n" in pages["qgeo"] for name in qgeo.__all__)
    excluded = [line for text in pages.values() for line in text.splitlines() if "exclude-members" in line]
    assert {*qgeo.__all__} <= {name for line in excluded for name in line.split(": ")[1].split(", ")} | {
        "QGeoError",
        "load_circuit",
        "save_circuit",
    }
    modules = Counter(
        line for text in pages.values() for line in text.splitlines() if line.startswith(".. automodule")
    )
    assert {*modules.values()} == {1}


def test_every_module_that_is_named_is_there() -> None:
    # Seen to fail: a module of another name.
    for package, wanted in api_pages.PACKAGES.items():
        if wanted != api_pages.ALL:
            for name in wanted:
                import_module(f"qgeo.{package}.{name}")
