"""On a GPU, without one: no CPU tensor on its way, no wait for the host that is not meant, the same numbers.

Everything that `benchmarks/gpu_checks.py` asks of a real card runs here on tensors that count as lying
elsewhere (`elsewhere.py`), and gives the numbers of the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from elsewhere import AWAY, Elsewhere, Watched

import qgeo
from benchmarks.circuits import layered_circuit
from benchmarks.gpu_checks import Check, checks, difference
from qgeo.geometry import blockwise
from qgeo.simulate import angle_tables, engine, tensors
from qgeo.simulate.dense import constants
from qgeo.simulate.statevector import expectations, probabilities
from qgeo.simulate.tangents import tangent_products, tangent_sweep

MEANT = {
    # what is structure is moved once, and kept
    ("simulate/angle_tables.py", "_table", "a copy to the device"),
    ("simulate/dense/constants.py", "constants", "a copy to the device"),
    ("simulate/dense/constants.py", "_tensors", "a copy to the device"),
    ("simulate/dense/groups.py", "tensor", "a copy to the device"),
    ("simulate/tensors.py", "index_tensor", "a copy to the device"),
    ("simulate/tensors.py", "on", "a copy to the device"),
    ("geometry/blockwise.py", "_same_layer", "a copy to the device"),
    # the door: numbers are checked where they come in, and matrices go out as numpy arrays
    ("geometry/request.py", "_device", "a number"),
    ("geometry/request.py", "real_array", "a copy to the host"),
    ("geometry/request.py", "requested", "a copy to the device"),
    ("geometry/exact.py", "_fisher_sum", "a copy to the device"),
    ("geometry/exact.py", "_mean_of", "a copy to the host"),
    ("geometry/quantum_operator.py", "quantum_fisher_operator", "a copy to the device"),
    ("geometry/exact.py", "check_domain", "a number"),
    ("heads/encoder.py", "check_token_ids", "a number"),
    ("geometry/empirical.py", "_check_targets", "a number"),
    ("observables/expectation.py", "check_inputs", "a number"),
    ("optim/gradients.py", "has_finite_gradients", "a number"),
    ("optim/controls.py", "_check_order", "a number"),
    # whether a matrix is singular, and when a solution is good enough, decides what is done next
    ("geometry/solve.py", "damped_solve", "a number"),
    ("geometry/solve.py", "_is_singular", "a number"),
    ("geometry/solve.py", "conjugate_gradients", "a number"),
    # so do the KL divergence of a step, the blocks of a matrix, and whether inputs depend on parameters
    ("optim/natural_gradient.py", "_limited", "a number"),
    ("optim/divergence.py", "divergence", "a number"),
    ("optim/divergence.py", "fisher_length", "a number"),
    ("optim/line.py", "at_kl", "a number"),
    ("geometry/blockwise.py", "connected_blocks", "a copy to the host"),
    ("geometry/blockwise.py", "<listcomp>", "a copy to the device"),
    ("geometry/blockwise.py", "connected_blocks", "a copy to the device"),
    ("modules/fisher.py", "quantum_of_call", "a number"),
    # draws are numpy's and the CPU's, so that they are the same on every device
    ("optim/controls.py", "<listcomp>", "a copy to the host"),
    ("optim/controls.py", "_trained", "a copy to the host"),
    ("optim/controls.py", "_turned", "a copy to the device"),
    ("optim/qn_spsa.py", "<genexpr>", "a copy to the device"),
    ("optim/qn_spsa.py", "_averaged", "a copy to the host"),
    ("optim/qn_spsa.py", "_averaged", "a copy to the device"),
    ("geometry/monte_carlo.py", "sampled_gradients", "a copy to the host"),
    ("geometry/monte_carlo.py", "sampled_gradients", "a copy to the device"),
    ("heads/sampling.py", "sample_tokens", "a copy to the host"),
    ("heads/sampling.py", "sample_tokens", "a copy to the device"),
    # the test's own
    ("", "", "a copy to the device"),
}
"""Where the host waits for the device, and may."""


def _name(check: Check) -> str:
    return f"{check.name} {check.dtype}"


def on_the_cpu(check: Check) -> torch.Tensor:
    """In complex64 by the same engine as elsewhere.

    The compiled one rounds in another order, and a gradient of probabilities of 16 qubits, 3e-4 at most, is
    rounding to 1e-8 in either.
    """
    with pytest.MonkeyPatch.context() as patch:
        if check.dtype == "complex64":
            patch.setattr(engine, "kernel_for", lambda *_: None)
        return check.compute(torch.device("cpu"))


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """What is made on a device that is not there is made in one test alone."""
    yield
    for kept in (
        angle_tables.angle_tables,
        constants.constants,
        tensors.kept_index,
        tensors.kept_index_tensor,
        blockwise._same_layer,
    ):
        kept.cache_clear()


@pytest.mark.parametrize("check", list(checks()), ids=_name)
def test_elsewhere_the_numbers_are_the_same_and_no_wait_is_new(check: Check) -> None:
    # Seen to fail: `torch.eye` without its device in `LinearJacobian.dense`; in the dense sweep
    # `self.here[list(insertion.rows)] += added`; `torch.arange(1 << n)` without a device in `PauliSum`;
    # `bool(seen.all())` of `output_rows` on every device; every gradient asked by itself in
    # `check_finite_gradients`; `by_values[list(self.columns)]` in `MatrixFreeFisher`; the phases of
    # `PauliExpectations` on the CPU; `point.new_tensor(rest[0])` in `angles._tree`;
    # `torch.tensor(order, device=states.device).argsort().tolist()` in `apply_on_any`.
    expected = on_the_cpu(check)
    with Watched() as watched:
        found = check.compute(AWAY)
    inner = found.inner if isinstance(found, Elsewhere) else found
    assert watched.waits <= MEANT
    assert difference(inner, expected) < (1e-10 if check.dtype == "complex128" else 1e-5)


def _warm_sweeps() -> dict[str, Callable[[], object]]:
    circuit, x = layered_circuit(6, 4, data=True, again=True)
    program = qgeo.compile(circuit, input_parameters=x)
    values = torch.linspace(-1, 1, program.num_parameters, dtype=torch.float64).to(AWAY).requires_grad_()
    inputs = torch.linspace(-2, 2, 24, dtype=torch.float64).view(4, 6).to(AWAY)
    columns, size = range(len(program.columns)), program.num_parameters
    energy = qgeo.Expectation(circuit, "ZZXXYI", input_parameters=x).to(AWAY)
    return {
        "gradient": lambda: probabilities(program, values, inputs)[:, 0].sum().backward(),
        "energy": lambda: expectations(program, values, inputs, energy.observables).sum().backward(),
        "tangents to the end": lambda: tangent_sweep(program, values, inputs, frame="end").of().ordered(),
        "products": lambda: tangent_products(program, values, inputs, columns, size),
    }


def test_a_sweep_that_ran_before_waits_for_nothing() -> None:
    # Seen to fail: `torch.tensor(row_of, device=rows.device)` in `_gathered`; in the dense sweep
    # `torch.tensor(insertion.rows, device=psi.device)`.
    with Watched():
        sweeps = _warm_sweeps()
        for sweep in sweeps.values():
            sweep()
    for name, sweep in sweeps.items():
        with Watched() as watched:
            sweep()
        assert not watched.waits, name


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda away: away @ torch.ones(3), "one device"),
        (lambda away: torch.cat([away, torch.ones(1)]), "one device"),
        (lambda away: away.index_select(0, torch.tensor([0])), "one device"),
    ],
)
def test_two_devices_are_refused(fault: Callable[[torch.Tensor], object], words: str) -> None:
    # Seen to fail: tensors of one dimension passed by in `Watched`, as those without any are.
    with Watched(), pytest.raises(RuntimeError, match=words):
        fault(torch.ones(3).to(AWAY))


@pytest.mark.parametrize(
    ("wait", "what"),
    [
        (lambda away: float(away.sum()), "a number"),
        (lambda away: bool((away > 0).all()), "a number"),
        (lambda away: torch.equal(away, away), "a number"),
        (lambda away: away[away > 0], "a shape"),
        (lambda away: away.nonzero(), "a shape"),
        (lambda away: away.unique(), "a shape"),
        (lambda away: away.cpu().numpy(), "a copy to the host"),
        (lambda away: away + torch.tensor([1.0, 2.0, 3.0], device=AWAY), "a copy to the device"),
    ],
)
def test_waits_are_noted(wait: Callable[[torch.Tensor], object], what: str) -> None:
    with Watched():
        away = torch.ones(3).to(AWAY)
    with Watched() as watched:
        wait(away)
    assert {noted[2] for noted in watched.waits} == {what}
