"""Opponent: what an expert writes in JAX without thinking of speed first: gates, jit, vmap, jacfwd, grad.

Needs jax, numpy. Usage: see benchmarks/worker.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from benchmarks.case import Case, point
from benchmarks.opponents.jax_layers import chain, ry, rz, z_on_first
from benchmarks.worker import Call, serve


def state(case: Case, values: jax.Array, inputs: jax.Array | None = None) -> jax.Array:
    """ψ of one context, gate by gate, (2ⁿ,)."""
    n, (source, _) = case.n, chain(case.n)
    psi = jnp.zeros((2,) * n, jnp.complex128).at[(0,) * n].set(1)
    for layer, (ys, zs) in enumerate(values.reshape(case.layers, 2, n)):
        if inputs is not None and (layer == 0 or case.circuit == "reuploaded"):
            for qubit in range(n):
                psi = _applied(ry(inputs[qubit]), psi, qubit)
        for qubit in range(n):
            psi = _applied(rz(zs[qubit]) @ ry(ys[qubit]), psi, qubit)
        psi = psi.reshape(-1)[source].reshape((2,) * n)
    return psi.reshape(-1)


def _applied(matrix: jax.Array, psi: jax.Array, qubit: int) -> jax.Array:
    axis = psi.ndim - 1 - qubit
    return jnp.moveaxis(jnp.tensordot(matrix, psi, axes=[[1], [axis]]), 0, axis)


def _quantum_fisher(of_values: Callable[[jax.Array], jax.Array], values: jax.Array) -> jax.Array:
    psi, columns = of_values(values), jax.jacfwd(of_values)(values)
    along = psi.conj() @ columns
    return 4 * jnp.real(columns.conj().T @ columns - jnp.outer(along.conj(), along))


def quantum_fisher(case: Case) -> Call:
    values = jnp.array(point(case).values)
    function = jax.jit(partial(_quantum_fisher, partial(state, case)))
    return lambda: function(values).block_until_ready()


def mean_quantum_fisher(case: Case) -> Call:
    at = point(case)

    def of_context(values: jax.Array, inputs: jax.Array) -> jax.Array:
        return _quantum_fisher(lambda v: state(case, v, inputs), values)

    function = jax.jit(lambda values, inputs: jax.vmap(of_context, (None, 0))(values, inputs).mean(0))
    values, inputs = jnp.array(at.values), jnp.array(at.inputs)
    return lambda: function(values, inputs).block_until_ready()


def classical_fisher(case: Case) -> Call:
    values, of_values = jnp.array(point(case).values), partial(state, case)

    def fisher(values: jax.Array) -> jax.Array:
        psi, columns = of_values(values), jax.jacfwd(of_values)(values)
        rows = 2 * jnp.real(psi.conj()[:, None] * columns) / jnp.abs(psi)[:, None]
        return rows.T @ rows

    function = jax.jit(fisher)
    return lambda: function(values).block_until_ready()


def born_gradient(case: Case) -> Call:
    at = point(case)

    def loss(values: jax.Array, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        psi = jax.vmap(lambda x: state(case, values, x))(inputs)
        likelihoods = jnp.abs(psi[jnp.arange(case.contexts), targets]) ** 2
        return -jnp.log(likelihoods + 1e-12).mean()

    function = jax.jit(jax.value_and_grad(loss))
    arguments = [jnp.array(each) for each in (at.values, at.inputs, at.targets)]
    return lambda: jax.block_until_ready(function(*arguments))[1]


def expectation_gradient(case: Case) -> Call:
    values, diagonal = jnp.array(point(case).values), jnp.array(z_on_first(case.n))
    function = jax.jit(jax.value_and_grad(lambda v: jnp.abs(state(case, v)) ** 2 @ diagonal))
    return lambda: jax.block_until_ready(function(values))[1]


if __name__ == "__main__":
    serve(
        {
            "quantum_fisher": quantum_fisher,
            "mean_quantum_fisher": mean_quantum_fisher,
            "classical_fisher": classical_fisher,
            "born_gradient": born_gradient,
            "expectation_gradient": expectation_gradient,
        }
    )
