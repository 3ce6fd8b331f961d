"""RY–RZ–CX layers in JAX: what the plain and the strong form have in common. Qiskit's order of bits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def chain(n: int) -> tuple[np.ndarray, np.ndarray]:
    """CX on (0, 1), (1, 2), … as index maps: after it ψ[source], before it ψ[image]."""
    image = np.arange(1 << n)
    for qubit in range(n - 1):
        image ^= ((image >> qubit) & 1) << (qubit + 1)
    return np.argsort(image), image


def ry(angle: jax.Array) -> jax.Array:
    c, s = jnp.cos(angle / 2), jnp.sin(angle / 2)
    return jnp.array([[c, -s], [s, c]]).astype(jnp.complex128)


def rz(angle: jax.Array) -> jax.Array:
    phase = jnp.exp(-0.5j * angle)
    return jnp.array([[phase, 0], [0, phase.conj()]])


def encoded(inputs: jax.Array) -> jax.Array:
    """RY(x) on every qubit of |0…0⟩: product states, (B, n) → (B, 2ⁿ)."""
    psi = jnp.ones((len(inputs), 1), jnp.complex128)
    for x in inputs.T:
        factor = jnp.stack([jnp.cos(x / 2), jnp.sin(x / 2)], axis=1)
        psi = (factor[:, :, None] * psi[:, None, :]).reshape(len(inputs), -1)
    return psi


def z_on_first(n: int) -> np.ndarray:
    """The diagonal of Z on qubit 0."""
    return 1.0 - 2.0 * (np.arange(1 << n) & 1)
