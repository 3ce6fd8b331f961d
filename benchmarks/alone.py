"""Measurements without an opponent, one a process: `python -m benchmarks.alone NAME`; a JSON line comes out.

step        a quantum-natural-gradient step beside a gradient step of the same head
scale       matrix-free natural gradient and products: seconds and peak memory
growth      seconds of one product by gates and by contexts
imports     seconds of `import qgeo` beyond torch, and of `qgeo --help`
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch

import qgeo
from benchmarks.circuits import layered_circuit
from benchmarks.ours import warm_median

Figures = dict[str, float | str]


# --- a step -----------------------------------------------------------------------------------------


def step() -> Figures:
    """n = 6, P = 48, 64 contexts: circuit parameters only, then with the encoder's weights."""
    found: Figures = {}
    for name, frozen in (("circuit only", True), ("with its encoder", False)):
        gradient, natural = _steps(frozen)
        found |= {f"gradient step, {name}, ms": 1e3 * gradient, f"QNG step, {name}, ms": 1e3 * natural}
        found[f"QNG / gradient, {name}"] = natural / gradient
    return found


def _steps(frozen: bool) -> tuple[float, float]:
    circuit, x = layered_circuit(6, 4, data=True)
    head = qgeo.BornHead(vocabulary=64, context=3, circuit=circuit, input_parameters=x)
    head.encoder.requires_grad_(not frozen)
    generator = torch.Generator().manual_seed(0)
    contexts = torch.randint(0, 64, (64, 3), generator=generator)
    targets = torch.randint(0, 64, (64,), generator=generator)
    trained = [parameter for parameter in head.parameters() if parameter.requires_grad]
    plain = torch.optim.SGD(trained, lr=1e-6)
    natural = qgeo.NaturalGradient(head, metric="quantum", lr=1e-6, damping=1e-3)

    def gradient_step() -> None:
        plain.zero_grad()
        torch.nn.functional.nll_loss(head(contexts), targets).backward()
        plain.step()

    def natural_step() -> None:
        natural.zero_grad()
        torch.nn.functional.nll_loss(head(contexts), targets).backward()
        natural.step(contexts=contexts)

    return warm_median(gradient_step), warm_median(natural_step)


# --- scale ------------------------------------------------------------------------------------------


def scale() -> Figures:
    """A process measures one thing, because peak memory never falls."""
    found: Figures = {}
    for name in ("natural_step", "wide_product"):
        found |= _in_a_process(name)
    return found


def natural_step() -> Figures:
    """n = 12, P = 10,000: gradient, metric by products, solve by conjugate gradients."""
    circuit, _ = layered_circuit(12, 417, data=False)
    program = qgeo.compile(circuit)
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, program.num_parameters)
    gradient = torch.from_numpy(np.random.default_rng(1).normal(size=len(values)))

    def solve() -> None:
        matrix = qgeo.quantum_fisher_operator(program, values, method="matrix-free")
        matrix.solve(gradient, damping=1e-2 * matrix.trace() / matrix.size)

    name = f"n=12, P={len(values):,}: natural-gradient solve"
    return _with_memory(name, solve)


def wide_product() -> Figures:
    """n = 20, P = 200: one product F v."""
    circuit, _ = layered_circuit(20, 5, data=False)
    program = qgeo.compile(circuit)
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, program.num_parameters)
    vector = torch.from_numpy(np.random.default_rng(1).normal(size=len(values)))

    def product() -> None:
        qgeo.quantum_fisher_operator(program, values, method="matrix-free") @ vector

    return _with_memory(f"n=20, P={len(values)}: F v", product)


def _with_memory(name: str, call: Callable[[], None]) -> Figures:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = perf_counter()
    call()
    seconds = perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        f"{name}, s": seconds,
        f"{name}, peak MiB of the process": peak / 2**10,
        f"{name}, MiB above what was there before": (peak - before) / 2**10,
    }


def growth() -> Figures:
    """Milliseconds of one product F v at n = 12: by layers with one context, by contexts with four layers."""
    found: Figures = {}
    for layers in (4, 8, 16, 32, 64):
        found[f"layers {layers}"] = 1e3 * _product_seconds(12, layers, 1)
    for contexts in (1, 2, 4, 8, 16):
        found[f"contexts {contexts}"] = 1e3 * _product_seconds(12, 4, contexts)
    return found


def _product_seconds(n: int, layers: int, contexts: int) -> float:
    circuit, x = layered_circuit(n, layers, data=True)
    program = qgeo.compile(circuit, input_parameters=x)
    draw = np.random.default_rng(0)
    values, inputs = draw.uniform(-3, 3, 2 * n * layers), draw.uniform(-3, 3, (contexts, n))
    vector = torch.from_numpy(draw.normal(size=len(values)))
    matrix = qgeo.quantum_fisher_operator(program, values, inputs=inputs, method="matrix-free")
    return warm_median(lambda: matrix @ vector)


# --- imports ----------------------------------------------------------------------------------------


def imports() -> Figures:
    """Medians of seven fresh processes each."""
    beyond = "import torch, time; s = time.perf_counter(); import qgeo; print(time.perf_counter() - s)"
    first_use = beyond.replace("import qgeo;", "import qgeo; qgeo.quantum_fisher;")
    return {
        "import qgeo beyond torch, s": _median_printed(beyond),
        "and its first use of quantum_fisher, s": _median_printed(first_use),
        "qgeo --help, s": float(np.median([_seconds_of_help() for _ in range(7)])),
    }


def _median_printed(code: str) -> float:
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(7)]
    return float(np.median([float(run.stdout) for run in runs]))


def _seconds_of_help() -> float:
    code = "from qgeo.cli import run; run(['--help'])"
    started = perf_counter()
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return perf_counter() - started


def _in_a_process(name: str) -> Figures:
    answer = subprocess.run([sys.executable, "-m", "benchmarks.alone", name], capture_output=True, text=True)
    return json.loads(answer.stdout.strip().splitlines()[-1])


MEASUREMENTS = (step, scale, growth, imports, natural_step, wide_product)

if __name__ == "__main__":
    print(json.dumps({one.__name__: one for one in MEASUREMENTS}[sys.argv[1]]()))
