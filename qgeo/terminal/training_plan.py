"""`qgeo hardware plan --config`: what a comparison takes on a device, and the first that fits a budget."""

from __future__ import annotations

from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

import tomli_w

from qgeo.backends.device import Device, device_by_name, is_device
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.comparison.config import load_settings, parse_configuration
from qgeo.comparison.fitting import Fitted, fitted
from qgeo.comparison.inputs import task_ahead
from qgeo.comparison.training_plan import TrainingCosts, TrainingPlan
from qgeo.errors import ConfigurationError
from qgeo.terminal.progress import saying

FEW_STEPS = 10
"""Below it a plan that fits says that it is hardly a training, a choice."""

Settings = dict[str, Any]


def training_report(
    config: Path,
    backend: str | None,
    steps: int | None,
    mitigation: Mitigation = PLAIN,
    fit: float | None = None,
) -> dict[str, Any]:
    """Plans of the arms of a `compare` configuration that train on the device.

    Args:
        backend: instead of the configuration's own; steps: the same.
        fit: QPU seconds; the report then has the settings of the first configuration that takes no more.

    Raises:
        ConfigurationError: zero-noise extrapolation, which trainings have not; no device; nothing that fits.
    """
    if mitigation.zero_noise:
        raise ConfigurationError("expected --zero-noise with --circuit only; a training does not extrapolate")
    if fit is not None and not 0 < fit < inf:
        raise ConfigurationError(f"expected --fit in QPU seconds above 0 and finite, got {fit:g}")
    settings = _settings(config, backend, steps, mitigation)
    configuration = parse_configuration(settings, str(config))
    with saying("planning: steps of the training are carried out dry, circuits are transpiled"):
        device = device_by_name(configuration.backend.name)
        costs = TrainingCosts(configuration, task_ahead(configuration), device)
        if fit is None:
            return _report(device, costs.plan(configuration.training, configuration.backend))
        lowered = fitted(configuration, costs, fit)
    return _report(device, lowered.plan) | {
        "fit": fit,
        "lowered": {key: list(pair) for key, pair in lowered.lowered.items()},
        "steps": lowered.configuration.training.steps,
        "configuration": _fitted_settings(settings, lowered, fit),
    }


def toml_of(report: dict[str, Any]) -> str:
    """The configuration of a fit as TOML that `qgeo compare` takes, with its plan in comments."""
    total, plans = report["total"], report["alternatives"]
    lines = [
        f"takes about {total['seconds']:,.1f} of {report['fit']:g} QPU seconds on {report['device']}: "
        f"{total['jobs']:,} jobs, {total['executions']:,} executions",
        *(f"{plan['name']}: {plan['seconds']:,.1f} s, {plan['jobs']:,} jobs" for plan in plans),
        *(f"{key} was {before}" for key, (before, _) in report["lowered"].items()),
    ]
    if report["steps"] < FEW_STEPS:
        lines.append(f"{report['steps']} steps teach little: fewer arms or seeds leave more for each")
    comments = "".join(f"# {line}\n" for line in lines)
    return f"{comments}\n{tomli_w.dumps(report['configuration'])}"


def _settings(config: Path, backend: str | None, steps: int | None, mitigation: Mitigation) -> Settings:
    """The file's settings, on the backend that is asked for."""
    settings = load_settings(config)
    known = parse_configuration(settings, str(config))
    name = backend or known.backend.name
    if name == "exact":
        raise ConfigurationError(
            f"expected a device to plan for, got none; pass --backend, or name one in {config}"
        )
    mitigated = {"mitigate_readout": True} if mitigation.readout else {}
    settings["backend"] = settings.get("backend", {}) | {"name": name} | mitigated
    if known.task.text is not None:
        settings["task"] = settings["task"] | {"text": str(Path(known.task.text).resolve())}
    if known.trunk.folder is not None:
        settings["trunk"] = settings["trunk"] | {"name": str(known.trunk.folder.resolve())}
    if "names" in settings.get("arms", {}):
        settings["arms"]["names"] = [_on(arm, name) for arm in settings["arms"]["names"]]
    if steps is not None:
        settings["training"] = settings.get("training", {}) | {"steps": steps}
    return settings


def _on(arm: str, backend: str) -> str:
    """An arm that names a backend, on this one."""
    exact, at, _ = arm.partition("@")
    return f"{exact}@{backend}" if at else exact


def _fitted_settings(settings: Settings, lowered: Fitted, fit: float) -> Settings:
    """The settings with what was lowered, and the seconds as their budget."""
    settings = settings | {"backend": settings["backend"] | {"max_seconds": fit}}
    for key, (_, after) in lowered.lowered.items():
        section, _, name = key.partition(".")
        settings[section] = settings.get(section, {}) | {name: after}
    return settings


def _report(device: Device, plan: TrainingPlan) -> dict[str, Any]:
    return head(device) | {
        "plan": {"name": ""},
        "alternatives": [asdict(arm) for arm in plan.arms],
        "refused": [],
        "total": plan.as_dict(),
    }


def head(device: Device) -> dict[str, Any]:
    """What every plan says of the device."""
    return {
        "device": device.name,
        "qubits": device.num_qubits,
        "calibrated": device.calibrated,
        "remaining_seconds": device.runner().remaining_seconds() if is_device(device.name) else None,
    }
