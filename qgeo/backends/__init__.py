"""Where circuits run: names → simulators, noise and devices; the ledger of hardware jobs."""

from qgeo.backends.names import resolve as resolve
