"""F_Q's blocks on commuting layers, pulled back: what one circuit a layer can measure of it.

    E_x[ K(x)ᵀ block(F(x)) K(x) ],      block(F)_rs = F_rs where rotations r, s share a layer, else 0

F is over the angles of rotations, K = ∂(angles)/∂(θ, w), θ the circuit's own trainable parameters, w an
encoder's weights. A parameter with rotations in several layers has the sum of their blocks, without the
correlations between them. The exact limit of the estimator `block-diagonal` as a metric is this matrix
(Stokes et al. 2020, arXiv 1909.02108, section 3).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.angles import angle_jacobian, angles_of, joined
from qgeo.simulate.tangents import tangent_products
from qgeo.simulate.tensors import kept_index


def layer_blocks_fisher(
    program: Program, values: Tensor, inputs: Tensor, columns: tuple[int, ...], encoder_jacobian: Tensor
) -> Tensor:
    """E_x[Kᵀ block(F) K] over chosen circuit parameters, then an encoder's weights, (C + W, C + W).

    Args:
        values: (P,); inputs: (B, d), its data angles; columns: the C chosen parameters.
        encoder_jacobian: (B, d, W), of the data angles over the encoder's weights.
    """
    shared, by_context = angles_of(program, values, inputs)
    every, num_shared = range(len(program.angles)), program.num_shared_angles
    products = tangent_products(program.by_angle, shared, by_context, every, num_shared)
    same_layer = _same_layer(program, values.device)
    by_shared, by_data = _angle_slopes(program, values, inputs, columns, encoder_jacobian)
    among_shared = by_shared.mT @ (same_layer[:num_shared, :num_shared] * products.summed) @ by_shared
    data = products.by_context * same_layer[num_shared:]
    rows = by_data.flatten(0, 1).mT  # Σ_x KᵀY as one product: a matrix per context would fill the memory
    cross = rows @ (data[..., :num_shared] @ by_shared).flatten(0, 1)
    matrix = rows @ (data[..., num_shared:] @ by_data).flatten(0, 1)
    matrix[:, : len(columns)] += cross
    matrix[: len(columns)] += cross.mT
    matrix[: len(columns), : len(columns)] += among_shared
    return 4 / len(inputs) * matrix


def connected_blocks(matrix: Tensor) -> list[Tensor]:
    """Indices of the blocks that a symmetric matrix falls into: rows that no chain of entries joins part.

    >>> connected_blocks(torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [2.0, 0.0, 1.0]]))
    [tensor([0, 2]), tensor([1])]
    """
    zeros = (matrix == 0).cpu()  # the host must know which blocks there are: shapes follow from it
    block = torch.arange(len(matrix))
    joined_to = ~zeros | torch.eye(len(matrix), dtype=torch.bool)
    while True:  # every row takes the smallest label of the rows that it is joined to, until none changes
        smallest = torch.where(joined_to, block, len(matrix)).amin(1) if len(matrix) else block
        if torch.equal(smallest, block):
            groups = [torch.nonzero(block == label).flatten() for label in block.unique()]
            return [group.to(matrix.device) for group in groups]
        block = smallest


@lru_cache(maxsize=256)
def _same_layer(program: Program, device: torch.device) -> Tensor:
    """(angles, angles), 1 where two angles are of rotations of one layer, else 0."""
    layer = torch.full((len(program.angles),), -1)
    for number, angles in enumerate(program.layers):
        layer[list(angles)] = number
    return ((layer[:, None] == layer) & (layer >= 0)).double().to(device)


def _angle_slopes(
    program: Program, values: Tensor, inputs: Tensor, columns: tuple[int, ...], encoder_jacobian: Tensor
) -> tuple[Tensor, Tensor]:
    """K of the angles that all contexts share, (m, C), and of those with data, (B, m', C + W)."""
    tables = angle_tables(program, values.device)
    chosen, size = kept_index(columns, values.device), len(values)
    shared = angle_jacobian(tables.shared, values).dense()[:, chosen]
    point = joined(values, inputs)
    with_data = angle_jacobian(tables.by_context, point).dense().expand(len(inputs), -1, -1)
    by_encoder = with_data[..., size:] @ encoder_jacobian
    return shared, torch.cat([with_data[..., chosen], by_encoder], 2)
