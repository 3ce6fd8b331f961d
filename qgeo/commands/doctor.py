"""`qgeo doctor`."""

from __future__ import annotations

import json

from qgeo.commands.options import Json


def doctor(as_json: Json = False) -> None:
    """Say what is installed and what runs here: versions, compiled sweeps, threads, account, fake devices."""
    from qgeo.terminal.doctor import findings, print_findings

    print(json.dumps(findings())) if as_json else print_findings(findings())
