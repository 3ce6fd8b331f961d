"""Opponent: RY–RZ–CX layers in JAX, written for speed.

The rotations of a layer are dense blocks of 2⁴ dimensions or so. Tangents move in one batch: those of the
first half of the layers forward, those of the second half backward, until they meet in the middle; products
of real rows give the matrices. Needs jax, numpy. Usage: see benchmarks/worker.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.case import Case, point
from benchmarks.opponents.jax_layers import chain, encoded, ry, rz, z_on_first
from benchmarks.worker import Call, serve

WIDTH = {10: 5}
"""Qubits of a block at most, by n, where four are not best: at ten two blocks take less than three
(benchmarks/NOTES.md, "Blocks of the opponent in JAX")."""

_BY_Y = np.array([[0, -0.5], [0.5, 0]], complex)  # −iY/2
_BY_Z = np.array([[-0.5j, 0], [0, 0.5j]])  # −iZ/2


@dataclass(frozen=True)
class Block:
    """A layer's rotations on neighbouring qubits from `low` on: U (D, D), ∂U by its 2w angles (2w, D, D)."""

    low: int
    matrix: jax.Array
    derivatives: jax.Array

    @property
    def width(self) -> int:
        return len(self.derivatives) // 2


@dataclass(frozen=True)
class Layers:
    """A circuit of n qubits; states have shape (…, 2ⁿ)."""

    n: int
    layers: int

    def blocks(self, angles: jax.Array) -> list[Block]:
        """Of one layer with angles (2, n): those of RY, those of RZ."""
        count = -(-self.n // WIDTH.get(self.n, 4))
        edges = [round(self.n * i / count) for i in range(count + 1)]
        return [_block(angles, low, high) for low, high in pairwise(edges)]

    def split(self, psi: jax.Array, block: Block) -> jax.Array:
        return psi.reshape(-1, 1 << (self.n - block.low - block.width), 1 << block.width, 1 << block.low)

    def rotated(self, block: Block, matrix: jax.Array, psi: jax.Array) -> jax.Array:
        return jnp.einsum("ij,bhjl->bhil", matrix, self.split(psi, block)).reshape(psi.shape)

    def forward(self, blocks: list[Block], psi: jax.Array) -> jax.Array:
        for block in blocks:
            psi = self.rotated(block, block.matrix, psi)
        return jnp.take(psi, chain(self.n)[0], axis=-1)

    def backward(self, blocks: list[Block], psi: jax.Array) -> jax.Array:
        psi = jnp.take(psi, chain(self.n)[1], axis=-1)
        for block in blocks:
            psi = self.rotated(block, block.matrix.conj().T, psi)
        return psi

    def tangents_of(self, blocks: list[Block], psi: jax.Array) -> jax.Array:
        """Of ψ behind a layer by its 2n angles, from ψ (B, 2ⁿ) before it: (2n, B, 2ⁿ)."""
        found: dict[int, jax.Array] = {}
        for block in blocks:
            moved = psi
            for other in blocks:
                if other is not block:
                    moved = self.rotated(other, other.matrix, moved)
            rows = jnp.einsum("kij,bhjl->kbhil", block.derivatives, self.split(moved, block))
            rows = rows.reshape(-1, *psi.shape)
            for i in range(block.width):
                found[block.low + i] = rows[i]
                found[self.n + block.low + i] = rows[block.width + i]
        ordered = jnp.stack([found[i] for i in range(2 * self.n)])
        return jnp.take(ordered, chain(self.n)[0], axis=-1)

    def states(self, layers: list[list[Block]], psi: jax.Array) -> list[jax.Array]:
        """ψ before the first layer, and behind each."""
        found = [psi]
        for blocks in layers:
            found.append(self.forward(blocks, found[-1]))
        return found

    def tangents(self, values: jax.Array, psi: jax.Array, frame: int) -> tuple[jax.Array, jax.Array]:
        """ψ (B, 2ⁿ) behind `frame` layers, and all tangents (P, B, 2ⁿ) there."""
        layers = self.all_blocks(values)
        states = self.states(layers, psi)
        before = after = jnp.zeros((0, *psi.shape), psi.dtype)
        for blocks, state in zip(layers[:frame], states, strict=False):
            before = jnp.concatenate([self.forward(blocks, before), self.tangents_of(blocks, state)])
        for layer in reversed(range(frame, self.layers)):
            own = self.tangents_of(layers[layer], states[layer])
            after = self.backward(layers[layer], jnp.concatenate([own, after]))
        return states[frame], jnp.concatenate([before, after])

    def all_blocks(self, values: jax.Array) -> list[list[Block]]:
        return [self.blocks(angles) for angles in values.reshape(self.layers, 2, self.n)]

    def ground(self) -> jax.Array:
        return jnp.zeros((1, 1 << self.n), jnp.complex128).at[0, 0].set(1)


def _block(angles: jax.Array, low: int, high: int) -> Block:
    ys, zs = ([gate(angle) for angle in row[low:high]] for gate, row in zip((ry, rz), angles, strict=True))
    both = [z @ y for y, z in zip(ys, zs, strict=True)]
    by_y = [_product(_replaced(both, i, zs[i] @ _BY_Y @ ys[i])) for i in range(high - low)]
    by_z = [_product(_replaced(both, i, _BY_Z @ both[i])) for i in range(high - low)]
    return Block(low, _product(both), jnp.stack(by_y + by_z))


def _replaced(matrices: list[jax.Array], place: int, matrix: jax.Array) -> list[jax.Array]:
    return [*matrices[:place], matrix, *matrices[place + 1 :]]


def _product(matrices: list[jax.Array]) -> jax.Array:
    """⊗, the last qubit first."""
    return reduce(lambda low, high: jnp.kron(high, low), matrices)


def _quantum_fisher(layers: Layers, values: jax.Array, psi: jax.Array) -> jax.Array:
    """Mean over the states of the batch."""
    psi, tangents = layers.tangents(values, psi, (layers.layers + 1) // 2)
    along = jnp.einsum("bx,pbx->pb", psi.conj(), tangents)
    flat = (tangents - along[:, :, None] * psi).reshape(len(values), -1)
    rows = jnp.concatenate([flat.real, flat.imag], axis=1)
    return 4 * (rows @ rows.T) / len(psi)


def quantum_fisher(case: Case) -> Call:
    layers, values = Layers(case.n, case.layers), jnp.array(point(case).values)
    function = jax.jit(lambda values: _quantum_fisher(layers, values, layers.ground()))
    return lambda: function(values).block_until_ready()


def mean_quantum_fisher(case: Case) -> Call:
    layers, at = Layers(case.n, case.layers), point(case)
    function = jax.jit(lambda values, inputs: _quantum_fisher(layers, values, encoded(inputs)))
    values, inputs = jnp.array(at.values), jnp.array(at.inputs)
    return lambda: function(values, inputs).block_until_ready()


def classical_fisher(case: Case) -> Call:
    layers, values = Layers(case.n, case.layers), jnp.array(point(case).values)

    def fisher(values: jax.Array) -> jax.Array:
        psi, tangents = layers.tangents(values, layers.ground(), layers.layers)
        rows = (2 * jnp.real(psi.conj() * tangents) / jnp.abs(psi))[:, 0]
        return rows @ rows.T

    function = jax.jit(fisher)
    return lambda: function(values).block_until_ready()


def born_gradient(case: Case) -> Call:
    layers, at = Layers(case.n, case.layers), point(case)

    def loss(values: jax.Array, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        psi = layers.states(layers.all_blocks(values), encoded(inputs))[-1]
        likelihoods = jnp.abs(psi[jnp.arange(case.contexts), targets]) ** 2
        return -jnp.log(likelihoods + 1e-12).mean()

    function = jax.jit(jax.value_and_grad(loss))
    arguments = [jnp.array(each) for each in (at.values, at.inputs, at.targets)]
    return lambda: jax.block_until_ready(function(*arguments))[1]


def expectation_gradient(case: Case) -> Call:
    layers, values = Layers(case.n, case.layers), jnp.array(point(case).values)
    diagonal = jnp.array(z_on_first(case.n))

    def energy(values: jax.Array) -> jax.Array:
        psi = layers.states(layers.all_blocks(values), layers.ground())[-1][0]
        return jnp.abs(psi) ** 2 @ diagonal

    function = jax.jit(jax.value_and_grad(energy))
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
