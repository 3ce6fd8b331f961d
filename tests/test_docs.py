"""Code on pages of docs/ and in README.md runs, and prints what stands below it; links lead somewhere.

Not that of docs/cluster.md, which needs a cluster, of docs/gpu.md, and of docs/hardware.md, which asks for
a key. Options on command lines are held by tests/docs/extensions/test_shell_examples.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ELSEWHERE = {"cluster.md", "gpu.md", "hardware.md"}
PRINTING = ("energies.md", "imaginary_time.md", "simulation.md")
RUN = ("heads", "interop", "own_circuit", "shots", "start/simulators")
PAGES = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in RUN)]
LINKED = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CODE = [
    (page.name, code)
    for page in PAGES
    for code in re.findall(r"```python\n(.*?)```\n", page.read_text(encoding="utf-8"), re.DOTALL)
]
BLOCK = re.compile(r"```python\n(.*?)```\n\n```\n(.*?)```\n", re.DOTALL)


@pytest.mark.parametrize("page", PRINTING)
def test_code_prints_what_stands_below_it(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: a digit of the output changed (of simulation.md too); code without its import.
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python")
    for code, printed in blocks:
        exec(compile(code, page, "exec"), {})
        assert capsys.readouterr() == (printed, "")


@pytest.mark.parametrize(("page", "code"), CODE, ids=range(len(CODE)))
def test_code_without_output_runs(page: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: a name that is not imported; a keyword that is none.
    exec(compile(code, page, "exec"), {})
    assert capsys.readouterr().err == ""


def test_all_pages_with_code_are_run() -> None:
    # Seen to fail: a page left out.
    with_code = {page.name for page in DOCS.rglob("*.md") if "```python" in page.read_text(encoding="utf-8")}
    assert with_code == {page.name for page in PAGES[1:]} | {*PRINTING, *ELSEWHERE}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    # Seen to fail: a page of another name.
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_energy_on_the_page_is_the_ground_energy(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: with a tenth of the steps.
    (code,) = (block for _, block in CODE if "print(energy())" in block)
    exec(compile(code, "own_circuit.md", "exec"), {})
    (wanted,) = re.findall(r"the ground energy is (-\d\.\d+)", code)
    (printed,) = re.findall(r"(-\d\.\d+)", capsys.readouterr().out)
    assert float(printed) == pytest.approx(float(wanted), abs=1e-3)
