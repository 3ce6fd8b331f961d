"""The code on pages of docs/ and in README.md runs as printed, and prints what stands below it.

Not that of docs/cluster.md, which needs a cluster.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = re.findall(r"```python\n(.*?)```\n", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)```\n\n```\n(.*?)```\n", re.DOTALL)


@pytest.mark.parametrize("page", ["energies.md", "imaginary_time.md"])
def test_code_prints_what_stands_below_it(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: a digit of the output changed; a line of the code without its import.
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python")
    for code, printed in blocks:
        exec(compile(code, page, "exec"), {})
        assert capsys.readouterr() == (printed, "")


@pytest.mark.parametrize("code", README, ids=range(len(README)))
def test_the_code_of_the_readme_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: a name that is not imported; a keyword that is none.
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().err == ""


def test_the_energy_of_the_readme_is_the_ground_energy(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: with a tenth of the steps.
    (code,) = (block for block in README if "print(energy())" in block)
    exec(compile(code, "README.md", "exec"), {})
    (wanted,) = re.findall(r"the ground energy is (-\d\.\d+)", code)
    (printed,) = re.findall(r"(-\d\.\d+)", capsys.readouterr().out)
    assert float(printed) == pytest.approx(float(wanted), abs=1e-3)
