"""The ledgers of one comparison: one device, one runner, one budget, however many runs there are.

    folder/tuning/ARM-lr…/   folder/final/ARM-SEED/   …      a ledger each (`ledger.py`)

The device is looked up when the first run needs it. What `least-busy` was decided to be is in the manifests,
and stays so for all ledgers of the folder: a run that is cut goes on where its circuits were made for. Posts
are spaced and jobs share a batch because they all go through the same runner.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from qgeo.backends.clock import Clock
from qgeo.backends.device import LEAST_BUSY, Device, device_by_name, is_device, known_device, ledger_sampler
from qgeo.backends.ledger import Ledger, manifests
from qgeo.backends.ledger_files import DeviceManifest
from qgeo.backends.ledger_sampler import LedgerSampler
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.posting import Commands, commands_of_run
from qgeo.backends.runner import Runner
from qgeo.backends.spending import Spending

POLL_SECONDS = 10.0
"""Between looks at a job on a device."""

THREADS = 1
"""Of the simulator behind a fake device: more of them slow down circuits as small as a head's."""


class Ledgers:
    """Args:
    folder: under which they lie; name: of the device; max_seconds: QPU seconds for all of them together.
    mitigation: what every job runs beside its circuits; clock: the machine's, if none is given.
    commands: that go on with this, by default those of a comparison.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        max_seconds: float,
        *,
        mitigation: Mitigation = PLAIN,
        clock: Clock | None = None,
        commands: Commands | None = None,
    ) -> None:
        self.folder, self.name, self.max_seconds = folder, name, max_seconds
        self.mitigation, self._clock = mitigation, clock
        self.spending = Spending(folder)
        self.commands = commands or commands_of_run(folder.parent)

    @cached_property
    def device(self) -> Device:
        """The device, the one of the manifests if that was decided before, looked up when it is needed."""
        known = manifests(self.folder)
        if not known:
            return device_by_name(self.name, clock=self._clock, threads=THREADS)
        decided = Ledger(known[0].parent).manifest(DeviceManifest).device
        name = decided if self.name == LEAST_BUSY else self.name
        return known_device(name, clock=self._clock, threads=THREADS)

    @cached_property
    def runner(self) -> Runner:
        """The one runner."""
        return self.device.runner()

    def sampler(self, key: str, manifest: dict[str, Any]) -> LedgerSampler:
        """A sampler on the ledger at `key`, which is gone on with if it is there, and made if it is not.

        It waits for its jobs.
        """
        ledger = Ledger(self.folder / key)
        ledger.sweep_drafts()
        if not ledger.exists:
            ledger.create(manifest | {"device": self.device.name, "options": self.device.options})
        wait = POLL_SECONDS if is_device(self.device.name) else 0.0
        return ledger_sampler(
            self.device,
            ledger,
            self.runner,
            max_seconds=self.max_seconds,
            wait=wait,
            shared=self.folder,
            mitigation=self.mitigation,
            spending=self.spending,
            commands=self.commands,
        )

    def close(self) -> None:
        """Nothing more is posted from this process."""
        if "runner" in vars(self):
            self.runner.close()
