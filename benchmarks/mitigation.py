"""What error mitigation did to known answers on a fake device: `python -m benchmarks.mitigation`.

Two repetitions of RY, RZ and a CX chain on 3 qubits, 12 parameters, 16,384 shots per circuit on fake_manila;
relative Frobenius error against the exact noiseless matrix, median of five, and the standard error reported;
deviation: the root mean square over entries of (estimate − exact) / standard error, also a median. The same
through a ledger, `qgeo hardware submit` then `collect` with their options, on fake_manila and fake_torino.
Writes mitigation.md.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from qgeo.backends.device import Device, device_by_name
from qgeo.backends.ledger import Ledger
from qgeo.backends.mitigated_work import Mitigation
from qgeo.backends.names import resolve
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.methods import METHODS
from qgeo.estimators.mitigation import Folded, zero_noise
from qgeo.hardware.fisher_request import FisherRequest
from qgeo.hardware.requests import collect, submit

SHOTS, REPETITIONS, DEVICE = 16_384, 5, "fake_manila"


def circuit() -> QuantumCircuit:
    """RY RZ CX-chain, twice, on three qubits."""
    theta, built = iter(ParameterVector("theta", 12)), QuantumCircuit(3)
    for _ in range(2):
        for gate in (built.ry, built.rz):
            for qubit in range(3):
                gate(next(theta), qubit)
        built.cx(0, 1)
        built.cx(1, 2)
    return built


def values() -> Any:
    """Where the circuit is taken."""
    return np.random.default_rng(0).uniform(-np.pi, np.pi, 12)


def compared(estimate: FisherEstimate, exact: Any) -> tuple[float, float, float]:
    """Relative error, relative standard error, root mean square of the deviations in standard errors."""
    size, off, moves = np.linalg.norm(exact), estimate.matrix - exact, estimate.stderr > 0
    deviation = np.sqrt(np.mean((off[moves] / estimate.stderr[moves]) ** 2))
    return float(np.linalg.norm(off) / size), float(np.linalg.norm(estimate.stderr) / size), float(deviation)


def table(name: str, found: dict[str, list[tuple[float, float, float]]]) -> list[str]:
    """A row per form of mitigation, of medians."""
    medians = {form: np.median(triples, axis=0) for form, triples in found.items()}
    return [f"| {name} | {form} | {a:.3f} | {b:.3f} | {c:.1f} |" for form, (a, b, c) in medians.items()]


def rows(method: Any, name: str) -> list[str]:
    """A table row per form of mitigation."""
    exact = method().estimate(circuit(), values(), shots=None).matrix
    found: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(REPETITIONS):
        backend = resolve(DEVICE, np.random.default_rng(seed))
        for mitigated in (False, True):
            estimates = [
                method(backend.sampler, pass_manager=passes, mitigate_readout=mitigated).estimate(
                    circuit(), values(), shots=SHOTS
                )
                for passes in (backend.pass_manager, Folded(backend.pass_manager, 3))
            ]
            readout = "readout" if mitigated else "nothing"
            both = "readout and zero-noise" if mitigated else "zero-noise"
            for form, estimate in ((readout, estimates[0]), (both, zero_noise(*estimates))):
                found.setdefault(form, []).append(compared(estimate, exact))
    return table(name, found)


FORMS = {
    "nothing": Mitigation(),
    "zero-noise": Mitigation(zero_noise=True),
    "readout": Mitigation(readout=True),
    "readout and zero-noise": Mitigation(readout=True, zero_noise=True),
}


def through_a_ledger(where: Device, method: str) -> list[str]:
    """A row per form, submitted and collected; the fake device is seeded by a job's UUID."""
    exact = METHODS[method]().estimate(circuit(), values(), shots=None).matrix
    found: dict[str, list[tuple[float, float, float]]] = {form: [] for form in FORMS}
    for _ in range(REPETITIONS):
        for form, mitigation in FORMS.items():
            with TemporaryDirectory() as folder:
                request = FisherRequest(circuit(), values(), method, SHOTS, mitigation=mitigation)
                submit(request, where, Path(folder), 10_000.0)
                found[form].append(compared(collect(Ledger(Path(folder)), where), exact))
    return table(f"{where.name} {method}", found)


def main() -> None:
    """Both methods, eight minutes."""
    head = ["| method | mitigated | relative error | standard error | deviation |", "|---|---|---|---|---|"]
    lines = [
        "# Error mitigation on a fake device",
        "",
        *__doc__.split("\n")[2:6],
        "",
        *head,
        *rows(BlockDiagonalQFI, "block-diagonal"),
        *rows(LinCombQFI, "lin-comb"),
        "",
        "Through a ledger (`--readout-mitigation`, `--zero-noise`):",
        "",
        *head,
    ]
    for name in ("fake_manila", "fake_torino"):
        where = device_by_name(name)
        for method in ("block-diagonal", "lin-comb"):
            lines += through_a_ledger(where, method)
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "mitigation.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
