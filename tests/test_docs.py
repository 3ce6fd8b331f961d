"""The code on pages of docs/ runs as printed, and prints what stands below it.

Not that of docs/cluster.md, which needs a cluster.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
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
