"""What error mitigation did to known answers on a fake device: `python -m benchmarks.mitigation`.

Two repetitions of RY, RZ and a CX chain on 3 qubits, 12 parameters, 16,384 shots per circuit on fake_manila;
relative Frobenius error against the exact noiseless matrix, median of five, and the standard error reported.
Writes mitigation.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from qgeo.backends.names import resolve
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mitigation import Folded, zero_noise

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


def rows(method: Any, name: str) -> list[str]:
    """A table row per form of mitigation."""
    built, values = circuit(), np.random.default_rng(0).uniform(-np.pi, np.pi, 12)
    exact = method().estimate(built, values, shots=None).matrix
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(REPETITIONS):
        backend = resolve(DEVICE, np.random.default_rng(seed))
        for mitigated in (False, True):
            estimates = [
                method(backend.sampler, pass_manager=passes, mitigate_readout=mitigated).estimate(
                    built, values, shots=SHOTS
                )
                for passes in (backend.pass_manager, Folded(backend.pass_manager, 3))
            ]
            readout = "readout" if mitigated else "nothing"
            both = "readout and zero-noise" if mitigated else "zero-noise"
            for form, estimate in ((readout, estimates[0]), (both, zero_noise(*estimates))):
                error = np.linalg.norm(estimate.matrix - exact) / np.linalg.norm(exact)
                noise = np.linalg.norm(estimate.stderr) / np.linalg.norm(exact)
                found.setdefault(form, []).append((float(error), float(noise)))
    medians = {form: np.median(pairs, axis=0) for form, pairs in found.items()}
    return [f"| {name} | {form} | {error:.3f} | {noise:.3f} |" for form, (error, noise) in medians.items()]


def main() -> None:
    """Both methods, a minute."""
    lines = [
        "# Error mitigation on a fake device",
        "",
        *__doc__.split("\n")[2:4],
        "",
        "| method | mitigated | relative error | standard error |",
        "|---|---|---|---|",
        *rows(BlockDiagonalQFI, "block-diagonal"),
        *rows(LinCombQFI, "lin-comb"),
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "mitigation.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
