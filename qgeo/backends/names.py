"""Backends by name: where circuits are run, and how they are brought there.

    exact                 no shots: the exact limit of every method
    sampled               shots drawn from exact probabilities: as Aer without noise, without a simulator
    aer                   Aer without noise
    aer:noise=fake_NAME   the noise of a device on all-to-all connected qubits
    fake_NAME             a device: its gates, its connections, its noise; the layout looks at its errors

Samplers made here take a fresh seed at every run, because Aer repeats itself under a fixed one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_aer.primitives import SamplerV2

from qgeo.backends.transpilation import TRANSPILER_SEED, DevicePassManager
from qgeo.errors import ConfigurationError
from qgeo.estimators.multinomial import MultinomialSampler
from qgeo.estimators.primitives import PassManager, Primitive
from qgeo.registry import Registry

_NOISE = "aer:noise="


@dataclass(frozen=True, eq=False)
class Backend:
    """A name resolved.

    Attributes:
        name: as given; sampler: a V2 sampler or ours, None for `exact`; pass_manager: to its gates, or None.
        density_simulator: makes an `AerSimulator` with the same noise that gives density matrices.
    """

    name: str
    sampler: Primitive | None
    pass_manager: PassManager | None
    density_simulator: Callable[[], Any]


class FreshSeedSampler(BaseSamplerV2):
    """Aer's sampler on a simulator, reseeded from a generator at every run."""

    def __init__(self, simulator: Any, generator: np.random.Generator) -> None:
        self.simulator, self.generator = simulator, generator

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> Any:
        """See `BaseSamplerV2`."""
        seed = int(self.generator.integers(2**31))
        return SamplerV2.from_backend(self.simulator, seed=seed).run(pubs, shots=shots)


def resolve(name: Any, generator: np.random.Generator | None = None, *, threads: int = 0) -> Backend:
    """The backend called `name`, or a Qiskit `BackendV2` of any vendor.

    Args:
        generator: seeds Aer's samplers; threads: of Aer's simulators, 0 for as many as there are cores.

    Raises:
        ConfigurationError: an unknown name; the message suggests near ones. Devices that are paid for are not
            resolved: their jobs go through a ledger (`device.py`).

    >>> resolve("exact").sampler is None
    True
    """
    generator = np.random.default_rng() if generator is None else generator
    if isinstance(name, BackendV2):
        return _of_vendor(name)
    if name.startswith("ibm_") or name == "least-busy":
        raise ConfigurationError(
            f"expected a simulator here, got {name!r}, where jobs are paid for; use qgeo hardware submit, or "
            "qgeo compare with --max-seconds"
        )
    kinds = [kind for kind in BACKENDS.values() if kind.takes(name)]
    if not kinds:
        raise _unknown(name)
    return kinds[0].resolve(name, generator, threads)


def fake_device(name: str) -> Any:
    """A fake device of qiskit-ibm-runtime by its name, without any network.

    Raises:
        ConfigurationError: no such device, or the package is not installed.
    """
    known = _fake_devices() if name.startswith("fake_") else {}
    if name in known:
        with warnings.catch_warnings():  # some devices announce that their errors are not typical
            warnings.simplefilter("ignore")
            return known[name]()
    raise _unknown(name)


def _unknown(name: str) -> ConfigurationError:
    """Nothing is called so, with what comes near."""
    names = [kind for kind in BACKENDS if BACKENDS[kind].takes(kind)]
    near = get_close_matches(name, [*names, *_fake_devices()], n=3) or ["fake_manila", "fake_torino"]
    return ConfigurationError(
        f"expected a backend among {BACKENDS}, got {name!r}; near names: {', '.join(near)}"
    )


def fake_device_names() -> tuple[str, ...]:
    """All fake devices, by name.

    Raises:
        ConfigurationError: qiskit-ibm-runtime is not installed.
    """
    return tuple(sorted(_fake_devices()))


@dataclass(frozen=True)
class BackendKind:
    """Backends of one kind; name: how they are called, as help texts show it.

    takes: whether a name is of this kind; resolve: (name, generator, threads) → the backend.
    """

    name: str
    takes: Callable[[str], bool]
    resolve: Callable[[str, np.random.Generator, int], Backend]


def _exact(name: str, _: np.random.Generator, threads: int) -> Backend:
    return Backend(
        name, None, None, lambda: AerSimulator(method="density_matrix", max_parallel_threads=threads)
    )


def _sampled(name: str, generator: np.random.Generator, threads: int) -> Backend:
    return replace(_exact(name, generator, threads), sampler=MultinomialSampler(generator))


def _aer(name: str, generator: np.random.Generator, threads: int) -> Backend:
    return _on_simulators(name, partial(AerSimulator, max_parallel_threads=threads), generator, None)


def _noisy_aer(name: str, generator: np.random.Generator, threads: int) -> Backend:
    noise = NoiseModel.from_backend(fake_device(name.removeprefix(_NOISE)))
    gates = [gate for gate in noise.basis_gates if gate not in ("delay", "reset")]
    manager = generate_preset_pass_manager(1, basis_gates=gates, seed_transpiler=TRANSPILER_SEED)
    make = partial(AerSimulator, noise_model=noise, max_parallel_threads=threads)
    return _on_simulators(name, make, generator, manager)


def _on_fake_device(name: str, generator: np.random.Generator, threads: int) -> Backend:
    device = fake_device(name)
    manager = DevicePassManager(device)
    make = partial(AerSimulator.from_backend, device, max_parallel_threads=threads)
    return _on_simulators(name, make, generator, manager)


BACKENDS: Registry[BackendKind] = Registry(
    "a backend",
    (
        BackendKind("exact", "exact".__eq__, _exact),
        BackendKind("sampled", "sampled".__eq__, _sampled),
        BackendKind("aer", "aer".__eq__, _aer),
        BackendKind("aer:noise=fake_NAME", lambda name: name.startswith(_NOISE), _noisy_aer),
        BackendKind("fake_NAME", lambda name: name.startswith("fake_"), _on_fake_device),
    ),
)
"""Simulators. Devices that are paid for are in `device.py`."""


def _fake_devices() -> dict[str, Any]:
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise ConfigurationError(
            "expected qiskit-ibm-runtime for a fake device, found none; pip install qiskit-ibm-runtime"
        ) from None
    kinds: list[Any] = [kind for kind in vars(fake_provider).values() if isinstance(kind, type)]
    return {kind.backend_name: kind for kind in kinds if getattr(kind, "backend_name", None)}


def _of_vendor(backend: BackendV2) -> Backend:
    manager = DevicePassManager(backend)
    simulator = partial(AerSimulator.from_backend, backend, method="density_matrix")
    return Backend(str(backend.name), BackendSamplerV2(backend=backend), manager, simulator)


def _on_simulators(name: str, make: Any, generator: np.random.Generator, manager: Any) -> Backend:
    sampler = FreshSeedSampler(make(), generator)
    return Backend(name, sampler, manager, lambda: make(method="density_matrix"))
