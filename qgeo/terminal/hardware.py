"""`qgeo hardware` in a terminal: a plan's table, a ledger's jobs, a collected matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from qgeo.backends.device import LEAST_BUSY, Device, device_by_name, known_device, ledger_sampler
from qgeo.backends.ledger import Ledger, manifests
from qgeo.backends.ledger_files import LEDGER_FILES, DeviceManifest
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.plan import Plan
from qgeo.errors import ConfigurationError, HardwareError, LedgerError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.hardware import requests
from qgeo.hardware.fisher_request import FisherRequest
from qgeo.hardware.requests import JobState
from qgeo.terminal.circuit_file import CircuitSource, without_parameters
from qgeo.terminal.console import print_table, stoppable, tables
from qgeo.terminal.fisher_estimate import FisherOptions, check_options, method_kind
from qgeo.terminal.progress import saying
from qgeo.terminal.spectrum import spectrum_report
from qgeo.terminal.training_plan import head

OPEN_PLAN_SECONDS = 600.0
"""Of the free plan, per 28 days."""


def fisher_request(
    path: Path,
    values: Path | None,
    random: int | None,
    method: str,
    shots: int,
    seed: int,
    draws: int | None,
    mitigation: Mitigation = PLAIN,
    *,
    parametrize: bool = False,
) -> FisherRequest:
    """The request that the options describe.

    Raises:
        ConfigurationError: both or none of values and random values, or too few shots.
    """
    source = CircuitSource(path, values, random, parametrize)
    source.check()
    check_options(FisherOptions(method, None, shots, draws, seed))
    given = source.load()
    if not given.circuit.num_parameters:
        raise without_parameters(path)
    if method_kind(method) != "classical":
        given = given.unmeasured()
    given.print_notes()
    return FisherRequest(given.circuit, given.values, method, shots, seed, draws, mitigation)


def devices_of_account() -> tuple[list[str], str]:
    """Names of the account's devices and least-busy, or none; and a sentence on that."""
    from qgeo.backends.ibm_account import account_devices

    try:
        with saying("asking IBM Quantum for the devices of your account"):
            names = account_devices()
    except ConfigurationError as error:
        return [], f"Devices of IBM Quantum are not in this list: {error}"
    return [
        *names,
        LEAST_BUSY,
    ], f"{len(names)} of them are devices of your account; {LEAST_BUSY} chooses one."


def plan_report(request: FisherRequest, backend: str) -> dict[str, Any]:
    """Plans of the method asked for and of all others, with what is left of the allowance."""
    with saying("planning: circuits are built and transpiled, none is run"):
        device = device_by_name(backend)
        chosen = request.plan(device)
        others = requests.alternatives(request, device)
    return head(device) | {
        "plan": asdict(chosen),
        "alternatives": [asdict(plan) for plan in others if isinstance(plan, Plan)],
        "refused": [plan for plan in others if isinstance(plan, str)],
    }


def print_plan(report: dict[str, Any], console: Console | None = None) -> None:
    """The table: the method asked for is marked. The arms of a training have a sum."""
    console, left = console or tables(), report["remaining_seconds"]
    allowance = OPEN_PLAN_SECONDS if left is None else left
    of = "a free plan's month" if left is None else "left of your allowance"
    table = Table(title=f"{report['device']}, {report['qubits']} qubits; share of {allowance:.0f} s, {of}")
    columns = ("method", "jobs", "circuits", "shots", "depth", "2-qubit gates", "QPU s", "share", "stderr")
    for name in columns:
        table.add_column(name, justify="left" if name == columns[0] else "right")
    for plan in report["alternatives"]:
        mark = "→ " if plan["name"] == report["plan"]["name"] else "  "
        stderr = "–" if plan["stderr"] is None else "≥ " * plan["readout"] + f"{plan['stderr']:.3f}"
        table.add_row(
            *(mark + plan["name"], str(plan["jobs"]), f"{plan['circuits']:,}", f"{plan['shots']:,}"),
            *(str(plan["depth"]), str(plan["two_qubit"]), f"{plan['seconds']:,.1f}"),
            *(f"{plan['seconds'] / allowance:.0%}" if allowance else "–", stderr),
        )
    if "total" in report:
        total = report["total"]
        share = f"{total['seconds'] / allowance:.0%}" if allowance else "–"
        numbers = (f"{total['jobs']:,}", "", f"{total['executions']:,}", "", "", f"{total['seconds']:,.1f}")
        table.add_row("  all", *numbers, share, "")
    print_table(console, table)
    for reason in report["refused"]:
        console.print(f"not for this circuit: {reason}", soft_wrap=True)
    console.print(
        "depth and 2-qubit gates: largest after transpiling; stderr: expected, of an entry", soft_wrap=True
    )
    if any(plan["readout"] for plan in report["alternatives"]):
        console.print(
            "≥: inverting readout errors adds to it, at most by the factor Π‖M⁻¹‖ over the measured qubits, "
            "which only the calibration in the jobs will tell",
            soft_wrap=True,
        )


def submit_report(
    request: FisherRequest, backend: str, out: Path | None, max_seconds: float | None, options: dict[str, Any]
) -> tuple[Path, list[JobState]]:
    """Write and post a request.

    Raises:
        HardwareError: no budget, or one that is too small.
    """
    if max_seconds is None:
        raise HardwareError(
            "expected a budget, got none; pass --max-seconds N (qgeo hardware plan says what it takes)"
        )
    with saying(f"looking at {backend}"):
        device = device_by_name(backend, options=options)
    folder = out or Path("hardware") / f"{device.name}-{datetime.now():%Y%m%d-%H%M%S}"
    posting = saying(f"writing and posting; the ledger is {folder}")
    with posting, stoppable("qgeo hardware resume", folder / "manifest.json"):
        return folder, requests.submit(request, device, folder, max_seconds)


def open_ledger(folder: Path) -> tuple[Ledger, Device]:
    """A ledger and the device of its manifest, with the options that its jobs were submitted with."""
    ledger = Ledger(folder)
    known = ledger.manifest(DeviceManifest)
    return ledger, known_device(known.device, options=known.options.model_dump(exclude_unset=True))


Action = Callable[[list[Ledger], Device | None, Path], None]


def folder_states(folder: Path, action: Action | None = None) -> dict[Path, list[JobState]]:
    """The jobs of a ledger, or of all ledgers of a comparison's run folder, once something was done to them.

    Raises:
        HardwareError: a ledger that cannot be read; something was done to all others.
    """
    is_run = (folder / "config.toml").exists() or (folder / "ledger").is_dir()
    shared, readable, unreadable = folder / "ledger" if is_run else folder, [], []
    if is_run and action is not None:
        LEDGER_FILES.make_folder(shared)
    for manifest in manifests(shared) or ([] if is_run else [folder / "manifest.json"]):
        try:
            readable.append(open_ledger(manifest.parent))
        except LedgerError as error:
            unreadable.append(error)
    device = readable[0][1] if readable else None
    if action is not None and (readable or is_run):
        action([ledger for ledger, _ in readable], device, shared)
    if unreadable:
        raise unreadable[0]
    return {ledger.folder: _states(ledger, device) for ledger, device in readable}


def _states(ledger: Ledger, device: Device) -> list[JobState]:
    return requests.states(ledger, ledger_sampler(device, ledger, max_seconds=0, may_post=False))


def print_states(folder: Path, jobs: list[JobState]) -> None:
    """A row per job."""
    table = Table(title=str(folder))
    for name in ("job", "id", "status", "circuits", "executions", "QPU s (estimate)", "charged"):
        table.add_column(name, justify="left" if name in ("id", "status") else "right")
    for job in jobs:
        charged = "–" if job.charged is None else f"{job.charged:.1f}"
        numbers = (f"{job.circuits:,}", f"{job.executions:,}", f"{job.seconds:.1f}", charged)
        table.add_row(str(job.number), job.job_id or "–", job.status, *numbers)
    print_table(tables(), table)


def collected_report(
    estimate: FisherEstimate, method: str, seconds: float, mitigation: Mitigation
) -> dict[str, Any]:
    """The same JSON as `qgeo fisher`, and what mitigated it."""
    return {
        "parameters": list(estimate.parameters),
        "matrix": np.asarray(estimate.matrix).tolist(),
        "stderr": np.asarray(estimate.stderr).tolist(),
        "flagged": estimate.flagged.tolist(),
        "method": method,
        "mitigation": asdict(mitigation),
        "cost": {"circuits": estimate.circuits, "shots": estimate.shots, "seconds": seconds},
        **spectrum_report(list(estimate.parameters), np.asarray(estimate.matrix)),
    }
