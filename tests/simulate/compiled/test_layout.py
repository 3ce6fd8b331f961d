"""The number of the shared structures: both sides derive it, and a library with another one is refused.

Seen to fail: names of fields, or sizes of structures, left out of both numbers; a library that is taken
whatever it announces.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from sysconfig import get_config_var

import pytest

from qgeo.simulate.compiled import layout, library

SOURCES = Path(layout.__file__).parent
CHANGED = {  # what is written differently in the header, and is no mistake for the compiler
    "fields exchanged": ("int32_t kind, angle, x, num_masks,", "int32_t kind, angle, num_masks, x,"),
    "a field renamed": ("num_phases", "num_tables"),
    "arguments of a function": (f"INTERFACE = {layout.INTERFACE}", f"INTERFACE = {layout.INTERFACE + 1}"),
    "a field of the order at its end": (
        "context_slopes;\n} tangent_order",
        "context_slopes, *more;\n} tangent_order",
    ),
}


def built(folder: Path, header: str, source: str | None = None) -> ctypes.CDLL:
    """A library of the number alone, from another header."""
    compiler = (get_config_var("CC") or "cc").split()[0]
    (folder / "layout.h").write_text(header)
    (folder / "layout.c").write_text((SOURCES / "layout.c").read_text() if source is None else source)
    command = [compiler, "-shared", "-fPIC", "-w", "-Wno-psabi", "layout.c", "-o", "layout.so"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no C compiler here: {error}")
    return ctypes.CDLL(str(folder / "layout.so"))


def test_both_sides_derive_the_same_number(tmp_path):
    compiled = built(tmp_path, (SOURCES / "layout.h").read_text())
    assert library.accepted(compiled) is compiled


@pytest.mark.parametrize("change", CHANGED)
def test_a_library_of_other_sources_is_refused(change, tmp_path):
    header = (SOURCES / "layout.h").read_text()
    assert CHANGED[change][0] in header
    other = header.replace(*CHANGED[change])
    source = (SOURCES / "layout.c").read_text().replace(*CHANGED[change])
    other = "\n".join(line for line in other.splitlines() if not line.startswith("_Static_assert"))
    with pytest.warns(UserWarning, match=r"expected compiled sweeps with the structures \w{16}, got \w{16}"):
        assert library.accepted(built(tmp_path, other, source)) is None


def test_a_library_without_a_number_is_refused(tmp_path):
    with pytest.warns(
        UserWarning, match="got 0000000000000000, built from other sources; install qgeo again"
    ):
        assert library.accepted(built(tmp_path, "", "int nothing;")) is None


@pytest.mark.parametrize("more", ["step_", "operation_", "circuit_"])
def test_the_header_asserts_its_sizes(more, tmp_path):
    # Seen to fail: an assertion left out.
    kind = more.rstrip("_")
    header = (SOURCES / "layout.h").read_text().replace(f"}} {kind};", f"double more; }} {kind};")
    built(tmp_path, "", "int nothing;")  # skips where there is no compiler
    (tmp_path / "layout.c").write_text(header)
    compiler = (get_config_var("CC") or "cc").split()[0]
    refused = subprocess.run([compiler, "-c", "-w", "layout.c"], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode
    assert "static assertion failed" in refused.stderr.lower() or "static_assert" in refused.stderr.lower()
