"""Study `published` and `qgeo study checks`: numbers that agree, and numbers that do not."""

from __future__ import annotations

import json

import pytest

from qgeo import cli
from qgeo.studies.catalogue import STUDIES
from qgeo.studies.experiments.published_numbers import PublishedNumber, as_row, numbers_of
from qgeo.studies.published import OTHERWISE, PUBLISHED, SOURCES
from qgeo.studies.study import Study


def agreeing(item):
    """What a piece of work gives where the number is its kind's, without work."""
    if item["kind"] == OTHERWISE:
        return as_row([PublishedNumber("elsewhere", "0.0001", -0.9996)])
    return as_row([PublishedNumber(item["kind"], "0.50", 0.5), PublishedNumber("near", "1.00", 1.01, 0.02)])


def rows(measure=agreeing):
    return [item | measure(item) for item in PUBLISHED.items("quick")]


def test_numbers_survive_a_file():
    number = PublishedNumber("near", "1.00", 1.01, 0.02)
    assert numbers_of(json.loads(json.dumps(as_row([number])))) == [number]


def test_digits_and_distances():
    # Seen to fail: the digits of float(published), in which 0.7500 has two.
    assert PublishedNumber("", "0.7500", 0.75004).agrees
    assert not PublishedNumber("", "0.7500", 0.75006).agrees
    assert not PublishedNumber("", "-1.0000", 1.0).agrees
    assert PublishedNumber("", "1.000", 0.995, 0.0096).agrees
    assert not PublishedNumber("", "1.000", 0.99, 0.0096).agrees


def test_everything_agrees():
    findings = PUBLISHED.conclude(rows())
    assert findings.allowed == ("supported", "")
    assert len(findings.checks) == len(SOURCES) + 1
    assert findings.numbers == {"count": 16, "agree": 16}
    assert len(PUBLISHED.draw(rows())) == 1


def test_one_number_that_is_another_is_named():
    # Seen to fail: numbers of the first piece of each kind alone.
    found = rows()
    found[-3] |= as_row([PublishedNumber("trace", "0.75", 0.7)])
    findings = PUBLISHED.conclude(found)
    failed = [check for check in findings.checks if not check.holds]
    assert [check.seen for check in failed] == ["trace: 0.70 for 0.75"]
    assert findings.verdict == "not supported"
    assert [row[-1] for row in findings.tables[0].rows if row[1] == "trace"] == ["NO"]


def test_another_setting_may_not_give_the_same():
    same = as_row([PublishedNumber("elsewhere", "0.0001", 0.0001)])
    found = [row | same if row["kind"] == OTHERWISE else row for row in rows()]
    assert [check.role for check in PUBLISHED.conclude(found).checks if not check.holds] == ["effect"]


@pytest.fixture
def quick(monkeypatch):
    """The study without its work."""
    monkeypatch.setitem(STUDIES._records, "published", Study(**{**vars(PUBLISHED), "measure": agreeing}))


@pytest.mark.usefixtures("quick")
class TestCommand:
    def test_it_prints_the_table(self, tmp_path, capsys):
        # Seen to fail: the table of checks for that of numbers.
        folder = str(tmp_path / "run")
        assert cli.run(["study", "checks", "--out", folder, "--workers", "1"]) == 0
        printed = capsys.readouterr().out
        for words in (
            "source",
            "setting",
            "published",
            "ours",
            "agrees",
            "qLM-fisher",
            "0.50",
            "1.01",
            "yes",
        ):
            assert words in printed
        assert "16 come out again" in " ".join(printed.split())
        assert cli.run(["study", "checks", "--resume", folder, "--workers", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["study"] == "published"

    def test_a_number_that_is_another_ends_with_status_1(self, tmp_path, capsys, monkeypatch):
        # Seen to fail: status 0.
        def wrong(_item):
            return as_row([PublishedNumber("trace", "0.75", 0.7)])

        monkeypatch.setitem(STUDIES._records, "published", Study(**{**vars(PUBLISHED), "measure": wrong}))
        assert cli.run(["study", "checks", "--out", str(tmp_path / "run"), "--workers", "1"]) == 1
        assert "trace: 0.70 for 0.75" in " ".join(capsys.readouterr().out.split())

    def test_mistakes_are_sentences(self, tmp_path, capsys):
        other = str(tmp_path / "other")
        from qgeo.studies.folder import create

        create(tmp_path / "other", "filter", "quick")
        for options, sentence in (
            (["--resume", other], "expected a folder of the study published, got one of filter"),
            (["--resume", other, "--out", "x"], "got --out too"),
            (["--preset", "big"], "expected --preset quick or full, got 'big'"),
            (["--resume", str(tmp_path / "nowhere")], "expected a folder that qgeo study run made"),
        ):
            assert cli.run(["study", "checks", *options]) == 2
            error = capsys.readouterr().err
            assert sentence in error
            assert len(error.splitlines()) == 1
