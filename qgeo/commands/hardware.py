"""`qgeo hardware …`: options in, calls into `terminal/hardware.py`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from qgeo.commands.derived_help import DerivedHelp
from qgeo.commands.examples import examples
from qgeo.commands.options import Json, Parametrize, Plugins

hardware = typer.Typer(help="IBM Quantum: plan, submit, collect; nothing lost, no minute paid twice.")

Circuit = Annotated[Path, typer.Option("--circuit", help="OpenQASM 3 or 2 file.", show_default=False)]
Values = Annotated[
    Path | None,
    typer.Option(help="Numbers by lines or commas, name,value lines, or .npy.", show_default=False),
]
Random = Annotated[
    int | None, typer.Option(metavar="SEED", help="Uniform values in (−π, π).", show_default=False)
]
Method = Annotated[str, typer.Option(help="{methods}.")]
Backend = Annotated[str, typer.Option(help="fake_NAME, ibm_NAME, or least-busy.", show_default=False)]
Shots = Annotated[int, typer.Option(help="Per circuit.")]
Seed = Annotated[int, typer.Option("--seed", "--draw", min=0, help="Of random directions and bases.")]
Draws = Annotated[
    int | None, typer.Option(help="How many of them: {methods_with_draws}.", show_default=False)
]
Readout = Annotated[
    bool,
    typer.Option(
        "--readout-mitigation",
        help="Measure the readout errors in every job (two circuits more); invert them.",
    ),
]
ZeroNoise = Annotated[
    bool,
    typer.Option(
        "--zero-noise", help="Run every circuit folded threefold too (C C†C), and extrapolate to no noise."
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of qgeo hardware submit.")]


@hardware.command(cls=DerivedHelp, epilog=examples("hardware plan"))
def plan(
    backend: Annotated[
        str | None,
        typer.Option(
            help="fake_NAME, ibm_NAME, or least-busy; default: the configuration's.", show_default=False
        ),
    ] = None,
    circuit: Annotated[
        Path | None, typer.Option("--circuit", help="OpenQASM 3 or 2 file.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A configuration of qgeo compare, to plan its training.", show_default=False),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps, with --config.", show_default=False)
    ] = None,
    fit: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="With --config: print the first configuration that takes no more, as TOML for qgeo compare.",
            show_default=False,
        ),
    ] = None,
    method: Method = "lin-comb",
    shots: Shots = 1000,
    values: Values = None,
    random: Random = None,
    parametrize: Parametrize = False,
    draws: Draws = None,
    readout_mitigation: Readout = False,
    zero_noise: ZeroNoise = False,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """What an estimate or a training would run and cost. Nothing is simulated or posted."""
    from qgeo.backends.mitigated_work import Mitigation
    from qgeo.errors import ConfigurationError
    from qgeo.registry import import_plugins
    from qgeo.terminal.console import messages
    from qgeo.terminal.hardware import fisher_request, plan_report, print_plan
    from qgeo.terminal.training_plan import toml_of, training_report

    import_plugins(plugin or ())
    if (circuit is None) == (config is None):
        raise ConfigurationError("expected one of --circuit FILE and --config FILE; give exactly one")
    if fit is not None and config is None:
        raise ConfigurationError("expected --fit with --config only; an estimate has no settings to lower")
    mitigation = Mitigation(readout_mitigation, zero_noise)
    if config is not None:
        report = training_report(config, backend, steps, mitigation, fit)
    elif backend is None:
        raise ConfigurationError("expected a device to plan for, got none; pass --backend")
    else:
        given = values is not None or random is not None or parametrize
        seed = random if given else 0  # a plan does not depend on values
        path = Path(circuit or "")
        request = fisher_request(
            path, values, seed, method, shots, 0, draws, mitigation, parametrize=parametrize
        )
        report = plan_report(request, backend)
    if as_json:
        print(json.dumps(report))
    elif fit is not None:
        print_plan(report, messages())
        print(toml_of(report), end="")
    else:
        print_plan(report)


@hardware.command(cls=DerivedHelp, epilog=examples("hardware submit"))
def submit(
    circuit: Circuit,
    backend: Backend,
    max_seconds: Annotated[
        float | None, typer.Option(help="Budget in QPU seconds; required.", show_default=False)
    ] = None,
    method: Method = "lin-comb",
    shots: Shots = 1000,
    values: Values = None,
    random: Random = None,
    parametrize: Parametrize = False,
    seed: Seed = 0,
    draws: Draws = None,
    readout_mitigation: Readout = False,
    zero_noise: ZeroNoise = False,
    out: Annotated[Path | None, typer.Option(help="New folder for the ledger.", show_default=False)] = None,
    session: Annotated[bool, typer.Option("--session", help="A session instead of a batch.")] = False,
    decoupling: Annotated[bool, typer.Option("--decoupling", help="Dynamical decoupling.")] = False,
    twirling: Annotated[bool, typer.Option("--twirling", help="Twirl measurements.")] = False,
    max_execution_time: Annotated[
        int | None, typer.Option(min=1, help="Seconds after which a job is ended.", show_default=False)
    ] = None,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """Write an estimate's jobs to disk, post them, and return. Close the laptop; collect later."""
    from qgeo.backends.mitigated_work import Mitigation
    from qgeo.registry import import_plugins
    from qgeo.terminal.hardware import fisher_request, print_states, submit_report

    import_plugins(plugin or ())
    options = {
        "mode": "session" if session else "batch",
        "dynamical_decoupling": decoupling,
        "twirling": twirling,
        "max_execution_time": max_execution_time,
    }
    mitigation = Mitigation(readout_mitigation, zero_noise)
    request = fisher_request(
        circuit, values, random, method, shots, seed, draws, mitigation, parametrize=parametrize
    )
    request = replace(request, plugins=tuple(plugin or ()))
    folder, jobs = submit_report(request, backend, out, max_seconds, options)
    if as_json:
        print(json.dumps({"folder": str(folder), "jobs": [asdict(job) for job in jobs]}))
    else:
        print_states(folder, jobs)


@hardware.command(epilog=examples("hardware status"))
def status(folder: Folder, as_json: Json = False) -> None:
    """Where every job of a folder, or of a run folder, stands; what is not posted is posted by `resume`."""
    from qgeo.terminal.hardware import folder_states, print_states

    by_folder = folder_states(folder)
    if as_json:
        print(json.dumps([asdict(job) for jobs in by_folder.values() for job in jobs]))
    else:
        for place, jobs in by_folder.items():
            print_states(place, jobs)


@hardware.command(epilog=examples("hardware resume"))
def resume(
    folder: Folder,
    max_seconds: Annotated[
        float | None, typer.Option(help="Another budget from now on, in QPU seconds.", show_default=False)
    ] = None,
    post_anyway: Annotated[
        bool,
        typer.Option(
            "--post-anyway", help="Post again at once what had no answer and no search finds; may pay twice."
        ),
    ] = False,
) -> None:
    """Post what is written but not posted; jobs that exist are found by their tags and not posted again."""
    from qgeo.hardware.requests import post
    from qgeo.terminal.console import stoppable
    from qgeo.terminal.hardware import open_ledger, print_states
    from qgeo.terminal.progress import saying

    ledger, device = open_ledger(folder)
    with (
        saying("looking for what is posted, posting the rest"),
        stoppable("qgeo hardware resume", folder / "manifest.json"),
    ):
        jobs = post(ledger, device, max_seconds=max_seconds, post_anyway=post_anyway)
    print_states(folder, jobs)


@hardware.command(epilog=examples("hardware collect"))
def collect(folder: Folder, as_json: Json = False) -> None:
    """The matrix of a folder, as often as you like; results stay on disk."""
    from qgeo.hardware import requests
    from qgeo.hardware.fisher_request import read_request
    from qgeo.terminal.fisher import print_fisher
    from qgeo.terminal.hardware import collected_report, open_ledger
    from qgeo.terminal.progress import saying

    with saying("collecting"):
        ledger, device = open_ledger(folder)
        estimate, request = requests.collect(ledger, device), read_request(ledger)
    report = collected_report(estimate, request.method, ledger.seconds(), request.mitigation)
    if as_json:
        print(json.dumps(report))
    else:
        print_fisher(report)


@hardware.command(epilog=examples("hardware cancel"))
def cancel(folder: Folder) -> None:
    """Cancel every job of a folder that is not done; nothing of it is posted from then on.

    A run folder of qgeo compare is cancelled with all of its jobs.
    """
    from qgeo.hardware.ending import cancel_all
    from qgeo.terminal.hardware import folder_states, print_states

    for place, jobs in folder_states(folder, cancel_all).items():
        print_states(place, jobs)


@hardware.command(epilog=examples("hardware retry"))
def retry(
    folder: Folder,
    at_estimate: Annotated[
        bool,
        typer.Option("--at-estimate", help="Let the estimate count where no charge was computed."),
    ] = False,
) -> None:
    """Give up jobs that failed or are gone, so that they can run again; nothing is posted by this.

    `qgeo hardware resume` then posts another job for each, to be paid for anew; for a run folder of qgeo
    compare `qgeo compare --resume` does.
    """
    from functools import partial

    from qgeo.hardware.ending import retry_all
    from qgeo.terminal.hardware import folder_states, print_states

    for place, jobs in folder_states(folder, partial(retry_all, at_estimate=at_estimate)).items():
        print_states(place, jobs)
