"""Registries: append-only, in order, one name once; every record of ours is whole."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from qgeo.backends.names import BACKENDS
from qgeo.errors import ConfigurationError
from qgeo.estimators.methods import METHODS
from qgeo.heads.kinds import HEADS
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.metrics import METRICS
from qgeo.registry import Registry, import_plugins
from qgeo.tasks import SOURCES

REGISTRIES = (BACKENDS, METHODS, HEADS, FIRST_ORDER, METRICS, SOURCES)


@dataclass(frozen=True)
class Colour:
    name: str


@pytest.fixture
def colours() -> Registry[Colour]:
    return Registry("a colour", (Colour("red"), Colour("blue")))


def test_records_are_found_by_name_in_their_order(colours):
    green = colours.register(Colour("green"))
    assert list(colours) == ["red", "blue", "green"]
    assert colours["green"] is green
    assert (len(colours), str(colours), "green" in colours) == (3, "red, blue, green", True)


def test_a_name_that_is_taken_is_refused(colours):
    # Seen to fail: the later record in the place of the earlier one.
    red = colours["red"]
    with pytest.raises(ConfigurationError, match="name of its own, got 'red', which is taken"):
        colours.register(Colour("red"))
    assert colours["red"] is red


def test_a_name_that_nobody_has_is_said_with_those_there_are(colours):
    with pytest.raises(ConfigurationError, match="expected a colour among red, blue, got 'pink'"):
        _ = colours["pink"]
    assert "pink" not in colours
    assert ["red"] not in colours.values()


def test_nothing_is_removed_or_changed(colours):
    with pytest.raises(TypeError):
        del colours["red"]
    with pytest.raises(TypeError):
        colours["red"] = Colour("red")


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_record_has_the_name_that_it_is_found_by(registry):
    assert len(registry) > 1
    assert all(record.name == name for name, record in registry.items())


def test_a_plugin_that_fails_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "broken_plugin.py").write_text("1 / 0")
    (tmp_path / "taking_plugin.py").write_text(
        "from qgeo.heads.kinds import HEADS\nHEADS.register(HEADS['born'])"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"'broken_plugin' .* ZeroDivisionError: division"):
        import_plugins(["broken_plugin"])
    with pytest.raises(ConfigurationError, match="got 'born', which is taken"):
        import_plugins(["taking_plugin"])


@pytest.mark.parametrize("name", ["", "a+b", "a/b", "../a", "a b", "a@b"])
def test_a_name_that_could_not_be_given_is_refused(colours, name):
    # Seen to fail: a head in whose arms two + stand; a file outside of its folder.
    with pytest.raises(ConfigurationError, match="a colour with a name of letters, digits and"):
        colours.register(Colour(name))


TAKEN_ELSEWHERE = [(METRICS, "adam"), (FIRST_ORDER, "quantum"), (METHODS, "exact")]


@pytest.mark.parametrize(("registry", "name"), TAKEN_ELSEWHERE)
def test_a_name_that_means_something_else_there_is_refused(registry, name):
    # Seen to fail: a metric called adam, under which every arm +adam became natural gradient.
    with pytest.raises(ConfigurationError, match=f"got '{name}', which is taken"):
        registry.register(Colour(name))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (None, "install it, or name its folder in PYTHONPATH"),
        ("import nothing_like_this", "install nothing_like_this, which it needs"),
        ("1 / 0", "mend it: it fails when it is imported"),
    ],
)
def test_a_plugin_that_cannot_be_imported_says_what_to_do(tmp_path, monkeypatch, text, advice):
    # Seen to fail: PYTHONPATH advised for a module that was there.
    monkeypatch.syspath_prepend(tmp_path)
    name = f"plugin_{len(advice)}"
    if text is not None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"the plugin '{name}' to be imported, .*; {advice}"):
        import_plugins([name])
