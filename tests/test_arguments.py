"""Arguments of the Python interface: numbers as Python, numpy and torch have them, and nothing else.

The comment in each test names the planted faults it was seen to fail under, of: truth (a truth value counts
as a number), text (a string is converted), open (an infinity passes), edge (a limit excluded, or included).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from qgeo.arguments import checked_instance, checked_integer, checked_path, checked_real, shown
from qgeo.errors import CircuitError, ConfigurationError


@pytest.mark.parametrize("number", [2, np.int64(2), torch.tensor(2)], ids=repr)
def test_integers_of_every_kind_become_plain_ones(number):
    # Seen to fail under edge.
    assert type(checked_integer("n", number, 2, 2)) is int


@pytest.mark.parametrize("number", [True, 2.0, "2", None, [2], math.nan], ids=repr)
def test_what_is_no_integer(number):
    # Seen to fail under truth.
    with pytest.raises(ConfigurationError, match="expected n to be an integer, got "):
        checked_integer("n", number, 0)


@pytest.mark.parametrize(("most", "limits"), [(None, "n ≥ 1, got 0"), (3, "n from 1 to 3, got 0")])
def test_integers_out_of_range(most, limits):
    with pytest.raises(ConfigurationError, match=f"expected {limits}$"):
        checked_integer("n", 0, 1, most)


@pytest.mark.parametrize("number", [0, 0.5, np.float32(0.5), torch.tensor(0.5), np.int64(3)], ids=repr)
def test_numbers_of_every_kind_become_plain_ones(number):
    # Seen to fail under edge.
    real = checked_real("λ", number, least=0)
    assert type(real) is float
    assert real == float(number)


@pytest.mark.parametrize(
    "number", [True, "1", None, math.inf, math.nan, -1, 1j, torch.ones(2), 10**400], ids=repr
)
@pytest.mark.parametrize("limit", ["least", "above"])
def test_what_is_no_finite_number_in_range(number, limit):
    # Seen to fail under truth, text, open.
    with pytest.raises(ConfigurationError, match=r"expected λ [≥>] 0, a finite number, got "):
        checked_real("λ", number, **{limit: 0})


def test_above_excludes_the_limit():
    # Seen to fail under edge.
    with pytest.raises(ConfigurationError, match="λ > 0"):
        checked_real("λ", 0.0, above=0)


def test_objects_and_paths():
    generator = torch.Generator()
    assert checked_instance("generator", generator, torch.Generator, "") is generator
    with pytest.raises(ConfigurationError, match="expected a torch Generator as generator, got 5; make one"):
        checked_instance("generator", 5, torch.Generator, "make one")
    assert checked_path("a file", "x") == checked_path("a file", Path("x")) == Path("x")
    for path in (None, 5, b"x"):
        with pytest.raises(
            CircuitError, match=r"expected the path of a file, a str or a Path, got (None|5|b'x')"
        ):
            checked_path("a file", path, CircuitError)


def test_what_came_is_shown_where_it_is_short():
    assert shown("x") == "'x'"
    assert shown(int) == "the class int"
    assert [shown(each) for each in (torch.eye(3), "x" * 99, object())] == ["Tensor", "str", "object"]
