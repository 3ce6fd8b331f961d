"""The page of a comparison: complete, self-contained, escaped, and honest about what is missing."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from qgeo.comparison.page.report import (
    draw_figures,
    grouped,
    number,
    printable,
    read_run,
    render,
    scientific,
    svg_documents,
    visible_whitespace,
    write_report,
)
from qgeo.comparison.statistics import mean_interval, paired_difference
from qgeo.errors import RunFolderError

ATTACK = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">'
VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}
STEPS = (10, 20, 30)


class Page(HTMLParser):
    """Elements with attributes, text, and whether every element was closed in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.words.append(" " if tag in {"span", "td", "th", "dd"} else "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def an_arm(name, values, reference=None, quantum=True):
    head, metric = name.split("+")
    return {
        "name": name,
        "head": head,
        "metric": metric,
        "parameters": 45,
        "parameter_groups": {"circuit": 24, "encoder": 12, "readout": 9},
        "lr": 0.3,
        "damping": None if metric == "adam" else 1.0,
        "trials": [
            {"lr": lr, "damping": 1.0, "loss": loss} for lr, loss in ((0.1, 2.6), (0.3, 2.5), (1.0, None))
        ],
        "final_loss": vars(mean_interval(values)) | {"values": values},
        "excess": vars(mean_interval([None if v is None else v - 2.2 for v in values])),
        "difference": None if reference is None else vars(paired_difference(values, reference)),
        "circuit_evaluations": 1_234_567 if quantum else 0,
        "gradient_evaluations": 234_567 if quantum else 0,
        "metric_evaluations": 1_000_000 if quantum else 0,
        "seconds": 1.25,
        "sample": "the cat\nsat\ton ",
        "spectra": spectra() if quantum else None,
        "aer": agreement() if quantum else None,
        "diverged": sum(v is None for v in values),
    }


def spectra():
    scalars = {"trace": 3.5, "rank": 4, "participation_ratio": 2.25, "degrees_of_freedom": 3.75}
    summary = {"quantum": scalars, "classical": scalars}
    return {"quantum": [2.0, 1.0, 0.5, 1e-13], "classical": [1.0, 0.25, 0.0, 0.0], "summary": summary}


def agreement():
    return {
        "contexts": 256,
        "exact_loss": 2.451234,
        "aer_loss": 2.451234,
        "max_probability_difference": 3.1e-15,
        "shots": 4096,
        "sampled_loss": 2.4601,
        "sampled_bias": 0.0091,
        "chi2_smallest_p": 0.0031,
        "chi2_level": 3.9e-9,
    }


def build_results(seeds=3):
    losses = {
        "born+classical": [2.45, 2.47, 2.44][:seeds],
        "born+quantum": [2.40, 2.43, 2.39][:seeds],
        "softmax+adam": [2.50, 2.49, 2.52][:seeds],
    }
    reference = losses["born+classical"]
    arms = [
        an_arm(name, values, None if values is reference else reference, quantum=name.startswith("born"))
        for name, values in losses.items()
    ]
    tokens = {"train": 16000, "validation": 2000, "test": 2000}
    return {
        "version": "0.1.0",
        "answer": "With 3 seeds and 3 trials per arm, paired difference -0.050 [-0.060, -0.040].",
        "task": {
            "name": "golden-mean",
            "kind": "source",
            "vocabulary": 2,
            "context": 3,
            "entropy_rate": 0.6667,
            "context_entropy": 0.6667,
            "sha256": None,
            "tokens": tokens,
        },
        "floor": 2.2,
        "bars": [{"name": "unigram", "loss": 2.8}, {"name": "bigram", "loss": 2.42}],
        "reference": "born+classical",
        "protocol": {
            "seeds": list(range(seeds)),
            "tuning_seeds": [10000],
            "trials": 3,
            "lr_grid": [0.1, 0.3, 1.0],
            "damping_grid": [1.0],
            "steps": 30,
            "batch": 64,
            "evaluate_every": 10,
            "validation_windows": 4096,
            "budget_axis": "steps",
            "primary_endpoint": "validation loss after the last step",
            "equivalence_margin": 0.01,
            "cost_formulae": {"gradient": "B (1 + Σ_r 2 s_r)"},
        },
        "arms": arms,
        "environment": {"python": "3.12.1", "qgeo": "0.1.0", "git": None},
        "command": "qgeo compare config.toml --out NEW_FOLDER",
    }


def write_folder(path, results, config="[training]\nseeds = 3\n"):
    path.mkdir(exist_ok=True)
    (path / "results.json").write_text(json.dumps(results, allow_nan=False))
    (path / "config.toml").write_text(config, encoding="utf-8")
    records, timings = [], []
    for arm in results["arms"]:
        for seed, final in zip(results["protocol"]["seeds"], arm["final_loss"]["values"], strict=True):
            for step in STEPS if final is not None else STEPS[:2]:
                key = {"arm": arm["name"], "seed": seed, "step": step}
                loss = None if final is None and step == STEPS[1] else (final or 2.5) + 1 / step
                counts = {"gradient_evaluations": step, "metric_evaluations": step}
                records.append(key | {"train_loss": loss, "validation_loss": loss} | counts)
                timings.append(key | {"seconds": 0.1 * step})
    for name, lines in (("records", records), ("timings", timings)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def report_of(path, results, **options):
    run = read_run(write_folder(path, results, **options))
    return render(run, svg_documents(draw_figures(run)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("run"), build_results())
    assert write_report(folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def test_page_is_well_formed_and_says_what_was_found(page):
    parsed = Page(page)
    assert parsed.open == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [a["aria-labelledby"] for _, a in parsed.elements if "aria-labelledby" in a]
    assert set(named) <= set(ids)
    for words in (
        "golden-mean",
        "paired difference −0.050 [−0.060, −0.040]",
        "2.4533 [2.4154, 2.4913] n = 3",
        "−0.0467 [−0.0610, −0.0323] n = 3 lower",
        "1\u202f234\u202f567".replace("\u202f", " "),
        "2.4601 +0.0091",
        "3.1 × 10⁻¹⁵",
        "FQ is zero behind the measurement: for readout parameters the FC block stands in.",
        "no conclusion should be drawn",
        "B (1 + Σr 2 sr)",
        "seeds = 3",
        "qgeo compare config.toml",
    ):
        assert words in parsed.text, words


def test_sections_come_in_order(page):
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert headings == [
        "What was compared",
        "Arms",
        "Figures",
        "Bars and floor",
        "Agreement with Aer",
        "What the heads write",
        "Protocol",
        "To repeat it",
    ]
    assert page.index('class="answer"') < page.index("<h2")


def test_page_asks_for_nothing_from_elsewhere(page):
    # Seen to fail with matplotlib's own SVG header and metadata left in.
    assert not re.search(r"https?:", page)
    assert not re.search(r"@import|@font-face|\bsrc=|url\((?!#)", page)
    parsed = Page(page)
    assert not {"script", "img", "iframe", "object", "embed", "base", "form"} & {
        tag for tag, _ in parsed.elements
    }
    links = [a["href"] for _, a in parsed.elements if "href" in a]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert not [a for _, attributes in parsed.elements for a in attributes if a.startswith("on")]
    assert "default-src 'none'" in page


def poisoned(value):
    """The same structure with an attack in every string that a reader is shown."""
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return f"{value}{ATTACK}" if isinstance(value, str) else value


def test_text_from_outside_is_escaped_everywhere(tmp_path):
    # Seen to fail with autoescape off, and with `| safe` on the sample.
    html = report_of(tmp_path, poisoned(build_results()), config=f"# {ATTACK}\n")
    elements = {tag for tag, _ in Page(html).elements}
    assert "script" not in elements
    assert "img" not in elements
    assert "<script" not in html
    assert html.count("&lt;script") > 20


def test_control_characters_are_shown_not_obeyed(tmp_path):
    run = read_run(write_folder(tmp_path, build_results(), config="# \u202e\x08\n"))
    run.results["arms"][0]["sample"] = "a\u202eb\x1b[31m\x00\ud800\r\x7f"  # a file holds no surrogate
    html = render(run, svg_documents(draw_figures(run)))
    assert "a⟨U+202E⟩b␛[31m␀⟨U+D800⟩" in html
    assert "# ⟨U+202E⟩␈\n" in html
    assert not set(html) & set("\u202e\x1b\x00\r\x7f\x08")


def test_whitespace_of_samples_is_visible(page):
    assert "the<i>·</i>cat<i>↵\n</i>sat<i>⇥\t</i>on<i>·</i>" in page


def test_one_seed_has_no_intervals(tmp_path):
    results = build_results(seeds=1)
    text = Page(report_of(tmp_path, results)).text
    assert "2.4500 n = 1" in text
    assert "−0.0500 n = 1 one seed: no interval" in text
    assert "1 seed is fewer than 10" in text
    assert not re.search(r"None|nan", text)


def test_many_seeds_may_conclude(tmp_path):
    results = build_results()
    results["protocol"]["seeds"] = list(range(10))
    for arm in results["arms"]:
        arm["final_loss"]["values"] = [2.4] * 10
    assert "no conclusion" not in Page(report_of(tmp_path, results)).text


def test_a_text_without_floor_and_arms_without_aer(tmp_path):
    results = build_results()
    results |= {"floor": None}
    results["task"] |= {"kind": "text", "entropy_rate": None, "context_entropy": None, "sha256": "ab" * 32}
    results["task"] |= {"split": "paragraphs"}
    for arm in results["arms"]:
        arm |= {"excess": None, "aer": None, "spectra": None, "sample": ""}
    html = report_of(tmp_path, results)
    text = Page(html).text
    assert "Excess over floor" not in text
    assert "so there is no floor" in text
    assert "No quantum head was run again on Aer" in text
    assert "No sample" in text
    assert "split by paragraphs, near-duplicates kept together" in text
    assert "ab" * 32 in text
    assert 'id="spectra"' not in html


def test_a_diverged_arm_is_said(tmp_path):
    results = build_results()
    values = [2.40, None, 2.39]
    results["arms"][1] = an_arm("born+quantum", values, [2.45, 2.47, 2.44])
    text = Page(report_of(tmp_path, results)).text
    assert "– n = 3 1 of 3 diverged" in text
    assert "– n = 3 diverged" in text
    assert "born+quantum (1 of 3 diverged)" in text


def test_every_arm_diverged(tmp_path):
    results = build_results()
    nothing = [None] * 3
    results["arms"] = [
        an_arm(name, nothing, reference, quantum=False)
        for name, reference in (("born+classical", None), ("softmax+adam", nothing))
    ]
    folder = write_folder(tmp_path, results)
    (folder / "records.jsonl").write_text("")
    (folder / "timings.jsonl").write_text("")
    assert "3 of 3 diverged" in Page(write_report(folder).read_text(encoding="utf-8")).text


def test_long_names_and_many_arms(tmp_path):
    results = build_results()
    template = results["arms"][1]
    for index in range(12):
        arm = copy.deepcopy(template)
        arm["name"] = f"born+quantum-block-diagonal-with-a-rather-long-name-{index}"
        results["arms"].append(arm)
    assert Page(report_of(tmp_path, results)).text.count("rather-long-name-11") > 4


def test_page_and_figures_are_the_same_bytes_each_time(folder, page):
    kinds = ("loss-over-steps", "loss-over-seconds", "final-losses", "paired-differences", "spectra")
    files = {path: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert {path.name for path in files} == {f"{kind}.{form}" for kind in kinds for form in ("svg", "pdf")}
    assert write_report(folder).read_text(encoding="utf-8") == page
    assert {path: path.read_bytes() for path in (folder / "figures").iterdir()} == files
    assert {path.suffix for path in folder.iterdir()} == {".html", ".json", ".jsonl", ".toml", ""}


def test_an_end_of_the_grid_is_said(tmp_path):
    results = build_results()
    assert "end of grid" not in Page(report_of(tmp_path, results)).text
    results["arms"][0]["lr"] = 0.1
    assert "end of grid" in Page(report_of(tmp_path, results)).text


@pytest.mark.parametrize("name", ["results.json", "records.jsonl", "timings.jsonl", "config.toml"])
def test_a_missing_or_damaged_file_is_named(tmp_path, name):
    folder = write_folder(tmp_path, build_results())
    (folder / name).write_bytes(b"\xff{")
    with pytest.raises(RunFolderError, match=re.escape(name)):
        write_report(folder)
    (folder / name).unlink()
    with pytest.raises(RunFolderError, match=re.escape(name)):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_numbers_are_typeset():
    assert [number(v) for v in (None, np.nan, -0.00012, 2.5)] == ["–", "–", "−0.0001", "2.5000"]
    assert [grouped(v) for v in (0, 9999, 10000, 1234567)] == [
        "0",
        "9999",
        "10\u202f000",
        "1\u202f234\u202f567",
    ]
    assert [scientific(v) for v in (0, 1, 1.26e-9)] == ["0", "1.0 × 10⁰", "1.3 × 10⁻⁹"]
    assert printable("a\nb\tc\u200b") == "a\nb␉c⟨U+200B⟩"
    assert visible_whitespace("<&") == "&lt;&amp;"
