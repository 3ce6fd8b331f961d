"""`qgeo backends`."""

from __future__ import annotations

import json

from qgeo.commands.options import Json


def backends(as_json: Json = False) -> None:
    """List what circuits can run on: simulators, fake devices, and your account's devices if there is one."""
    from qgeo.backends.names import BACKENDS, fake_device_names
    from qgeo.terminal.console import tables
    from qgeo.terminal.hardware import devices_of_account

    names = [*(kind for kind in BACKENDS if kind != "fake_NAME"), *fake_device_names()]
    of_account, note = devices_of_account()
    if as_json:
        print(json.dumps([*names, *of_account]))
    else:
        tables().print(", ".join([*names, *of_account]), soft_wrap=True)
        tables().print(note, soft_wrap=True)
