"""A natural-gradient step with its encoder in units of a gradient step: `python -m benchmarks.steps`.

A gradient step is loss, gradient and Adam's update; a natural step is loss, gradient, metric, solve and
update, all over the head's trainable parameters, encoder included. Medians of warm steps in one thread; a
table comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import nn

import qgeo
from qgeo.heads.classical import matched_features
from qgeo.heads.jacobian import count_trainable

WARM_UP, MEASURED = 5, 60

FEATURES = matched_features(32, 3, 4, 800)
HEADS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "born, n=5, V=32 (the demo)": (lambda: qgeo.BornHead(32, 3), 128),
    "born, n=6, V=64": (lambda: qgeo.BornHead(64, 3, layers=4), 64),
    "pauli, n=5, V=32": (lambda: qgeo.PauliHead(32, 3), 128),
    "softmax, V=32": (lambda: qgeo.SoftmaxHead(32, 3, features=FEATURES), 128),
    "mlp, V=32": (lambda: qgeo.MLPHead(32, 3, features=FEATURES), 128),
}
"""Name → how it is built, contexts of a batch; context 3, embedding 4."""


def milliseconds(step: Callable[[], None]) -> float:
    """Median of warm calls."""
    for _ in range(WARM_UP):
        step()
    times = []
    for _ in range(MEASURED):
        started = perf_counter()
        step()
        times.append(perf_counter() - started)
    return 1e3 * median(times)


def steps_of(head: nn.Module, batch: int) -> dict[str, float]:
    """Milliseconds of a step by Adam and by every exact metric the head has."""
    generator = torch.Generator().manual_seed(1)
    contexts = torch.randint(0, head.vocabulary, (batch, head.context), generator=generator)
    targets = torch.randint(0, head.vocabulary, (batch,), generator=generator)
    metrics = ("quantum", "classical") if hasattr(head, "circuit_point") else ("classical",)
    adam = torch.optim.Adam(head.parameters(), lr=1e-3)
    natural = {name: qgeo.NaturalGradient(head, metric=name, lr=1e-4, damping=1e-2) for name in metrics}

    def step(optimizer: torch.optim.Optimizer, **options: torch.Tensor) -> Callable[[], None]:
        def once() -> None:
            optimizer.zero_grad()
            torch.nn.functional.nll_loss(head(contexts), targets).backward()
            optimizer.step(**options)

        return once

    times = {"gradient": milliseconds(step(adam))}
    return times | {name: milliseconds(step(each, contexts=contexts)) for name, each in natural.items()}


def main() -> None:
    torch.set_num_threads(1)
    print("| head | parameters | gradient step, ms | quantum, steps | classical, steps |")
    print("| --- | --- | --- | --- | --- |")
    for name, (build, batch) in HEADS.items():
        head = build()
        times = steps_of(head, batch)
        ratios = [
            f"{times[m] / times['gradient']:.1f}" if m in times else "–" for m in ("quantum", "classical")
        ]
        print(f"| {name} | {count_trainable(head)} | {times['gradient']:.2f} | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
