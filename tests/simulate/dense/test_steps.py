"""Steps of a block: their product is the block's, their generators are its derivatives.

Seen to fail: the gates in front of the first step repeated in front of every step; a fixed gate behind a step
left out of its generators; an eigenvalue taken for its neighbour's.
"""

from __future__ import annotations

import cases
import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from scipy.linalg import expm

from qgeo.circuit.blocks import Block, FixedFactor
from qgeo.circuit.compiler import compile
from qgeo.circuit.matrices import embedded
from qgeo.simulate.dense.steps import commuting_steps

TIGHT = {"rtol": 1e-11, "atol": 1e-12}


def blocks(circuit: QuantumCircuit, width: int) -> list[Block]:
    result = compile(circuit, block_width=width).blocks
    return [block for block in result if isinstance(block, Block) and block.rotations]


CIRCUITS = [
    cases.layered(4, 2),
    cases.shared_parameter(),
    *(cases.random_case(seed, num_qubits=3, num_gates=9).circuit for seed in range(8)),
]


def naive_product(block: Block, angles: np.ndarray) -> np.ndarray:
    """The block's unitary, step by step, with matrix exponentials."""
    product, next_angle = np.eye(block.dimension, dtype=complex), iter(angles)
    for factor in block.factors:
        if isinstance(factor, FixedFactor):
            product = factor.matrix @ product
        else:
            generator = embedded(factor.generator, factor.positions, len(block.qubits))
            product = expm(-0.5j * next(next_angle) * generator) @ product
    return product


def stepped_product(block: Block, angles: np.ndarray) -> list[np.ndarray]:
    """Partial products of the block's steps."""
    products, rest = [np.eye(block.dimension, dtype=complex)], list(angles)
    for step in commuting_steps(block):
        ours, rest = rest[: len(step.spectra)], rest[len(step.spectra) :]
        phases = np.exp(-0.5j * sum(a * row for a, row in zip(ours, step.spectra, strict=True)))
        products.append(step.left @ np.diag(phases) @ step.right @ products[-1])
    return products[1:]


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("circuit", CIRCUITS, ids=range(len(CIRCUITS)))
def test_product_of_the_steps_is_the_block(circuit, width):
    generator = np.random.default_rng(3)
    for block in blocks(circuit, width):
        angles = generator.uniform(-3, 3, len(block.rotations))
        assert_allclose(stepped_product(block, angles)[-1], naive_product(block, angles), **TIGHT)


@pytest.mark.parametrize("circuit", CIRCUITS[:5], ids=range(5))
def test_generators_are_the_derivatives(circuit):
    for block in blocks(circuit, 3):
        angles = np.random.default_rng(4).uniform(-3, 3, len(block.rotations))
        products = stepped_product(block, angles)
        rotation = 0
        for product, step in zip(products, commuting_steps(block), strict=True):
            for generator in step.generators:
                shift = np.eye(len(angles))[rotation] * 1e-5
                numerical = (
                    naive_product(block, angles + shift) - naive_product(block, angles - shift)
                ) / 2e-5
                exact = products[-1] @ product.conj().T @ generator @ product
                assert_allclose(exact, numerical, rtol=1e-8, atol=1e-9)
                rotation += 1


def test_a_layer_of_rotations_is_one_step_and_diagonal_gates_are_one_too():
    layer = QuantumCircuit(3)
    for qubit in range(3):
        layer.ry(Parameter(f"a{qubit}"), qubit)
    for pair in ((0, 1), (1, 2), (0, 2)):
        layer.rzz(Parameter(f"b{pair}"), *pair)
    layer.cp(Parameter("c"), 0, 2)
    (block,) = blocks(layer, 3)
    assert [len(step.spectra) for step in commuting_steps(block)] == [3, 4]
