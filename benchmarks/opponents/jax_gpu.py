"""Opponent on a GPU: energies, their gradients, F_Q and products F_Q v in expert JAX, as a server of rows.

    jax_gpu.py < requests: {"kind", "form", "n", "layers", "dtype"} prepares, {"again": true} times; JSON lines out

The circuit is that of `benchmarks.circuits.layered_circuit`: RY, RZ and a CX chain a layer, qubit q being bit q.
Forms of a layer: "gates", a rotation a qubit, which XLA fuses; "blocks", matrices of four qubits. A CX chain is
one gather. Gradients are `jax.grad`, tangents `jax.vmap` of `jax.jvp`. (Needs: jax, numpy.)
"""

from __future__ import annotations

import json
import sys
from functools import partial
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_default_matmul_precision", "highest")  # else products of float32 are of TF32, 3 digits
WIDTH = 4
MEASURED_SECONDS, LEAST, MOST = 0.3, 3, 50


class Circuit:
    """States of a layered circuit as a function of its angles (P,), and what is made of them."""

    def __init__(self, n, layers, dtype, form):
        self.n, self.layers, self.form = n, layers, form
        self.complex = jnp.dtype(dtype)
        self.real = jnp.float64 if dtype == "complex128" else jnp.float32
        image = np.arange(1 << n)
        for q in range(n - 1):
            image ^= ((image >> q) & 1) << (q + 1)
        source = np.empty_like(image)
        source[image] = np.arange(1 << n)
        self.source = jnp.asarray(source.astype(np.int32))

    def state(self, source, angles):
        psi = jnp.zeros(1 << self.n, self.complex).at[0].set(1)
        for layer in angles.reshape(self.layers, 2, self.n):
            rotations = [_rotation(layer[0, q], layer[1, q]).astype(self.complex) for q in range(self.n)]
            psi = (self._gates if self.form == "gates" else self._blocks)(rotations, psi)[source]
        return psi

    def _gates(self, rotations, psi):
        for q, u in enumerate(rotations):
            pair = psi.reshape(-1, 2, 1 << q)
            low, high = pair[:, 0], pair[:, 1]
            psi = jnp.stack([u[0, 0] * low + u[0, 1] * high, u[1, 0] * low + u[1, 1] * high], 1).reshape(-1)
        return psi

    def _blocks(self, rotations, psi):
        for low in range(0, self.n, WIDTH):
            u = rotations[low]
            for rotation in rotations[low + 1 : low + WIDTH]:
                u = jnp.kron(rotation, u)
            psi = jnp.einsum("ij,hjl->hil", u, psi.reshape(-1, len(u), 1 << low)).reshape(-1)
        return psi

    def energy(self, source, angles):
        """−Σ ⟨Z_q Z_{q+1}⟩ − Σ ⟨X_q⟩."""
        psi = self.state(source, angles)
        p, total = psi.real**2 + psi.imag**2, 0.0
        for q in range(self.n - 1):
            bits = p.reshape(-1, 2, 2, 1 << q)
            total -= (bits[:, 0, 0] - bits[:, 0, 1] - bits[:, 1, 0] + bits[:, 1, 1]).sum()
        for q in range(self.n):
            pair = psi.reshape(-1, 2, 1 << q)
            total -= 2 * (pair[:, 0].conj() * pair[:, 1]).real.sum()
        return total

    def fisher(self, source, angles):
        state = partial(self.state, source)
        psi = state(angles)
        one_hot = jnp.eye(len(angles), dtype=self.real)
        tangents = jax.vmap(lambda v: jax.jvp(state, (angles,), (v,))[1])(one_hot)
        along = tangents @ psi.conj()
        rows = jnp.concatenate([tangents.real, tangents.imag], 1)
        return 4 * (rows @ rows.T - (along[:, None] * along.conj()[None]).real)

    def product(self, source, angles, vector):
        state = partial(self.state, source)
        psi, tangent = jax.jvp(state, (angles,), (vector,))
        projected = tangent - jnp.vdot(psi, tangent) * psi
        return 4 * jax.vjp(state, angles)[1](projected.conj())[0]


def _rotation(y, z):
    """RZ(z) RY(y)."""
    c, s, phase = jnp.cos(y / 2), jnp.sin(y / 2), jnp.exp(-0.5j * z)
    return jnp.stack([jnp.stack([phase * c, -phase * s]), jnp.stack([phase.conj() * s, phase.conj() * c])])


def prepared(kind, form, n, layers, dtype):
    """A call without arguments that waits for its result, a number to compare, seconds of the first one with its
    compilation, and bytes: arguments, results and what XLA plans between them."""
    circuit = Circuit(n, layers, dtype, form)
    angles = jnp.asarray(np.random.default_rng(0).uniform(-np.pi, np.pi, 2 * n * layers), circuit.real)
    vector = jnp.asarray(np.random.default_rng(1).normal(size=2 * n * layers), circuit.real)
    made = {
        "energy": (jax.value_and_grad(circuit.energy, argnums=1), (circuit.source, angles)),
        "fisher": (circuit.fisher, (circuit.source, angles)),
        "product": (circuit.product, (circuit.source, angles, vector)),
    }
    function, arguments = made[kind]
    started = perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()

    def call():
        return jax.block_until_ready(compiled(*arguments))

    result, planned = call(), compiled.memory_analysis()
    first = perf_counter() - started
    parts = ("temp", "argument", "output")
    peak = sum(getattr(planned, f"{part}_size_in_bytes", 0) for part in parts) if planned else 0
    return call, _value(kind, result), first, peak


def _value(kind, result):
    if kind == "energy":
        return float(np.linalg.norm(np.asarray(result[1], np.float64)))
    return float(np.trace(result) if kind == "fisher" else np.linalg.norm(np.asarray(result, np.float64)))


def timed(call):
    """Seconds of warm calls."""
    spent = []
    while len(spent) < LEAST or (sum(spent) < MEASURED_SECONDS and len(spent) < MOST):
        started = perf_counter()
        call()
        spent.append(perf_counter() - started)
    return spent


def answers(lines):
    """An answer to every request."""
    call = None
    for line in lines:
        request = json.loads(line)
        try:
            if request.get("again"):
                yield {"seconds": timed(call)}
            else:
                call = None  # its memory is given back before the next one takes more
                call, value, first, peak = prepared(**request)
                yield {"value": value, "first": first, "peak": peak}
        except Exception as error:  # out of memory is an answer, too
            words = (str(error).splitlines() or [""])[0]
            yield {"error": f"{type(error).__name__}: {words[:160]}"}


if __name__ == "__main__":
    print(json.dumps({"ready": jax.__version__, "device": str(jax.devices()[0])}), flush=True)
    for answer in answers(sys.stdin):
        print(json.dumps(answer), flush=True)
