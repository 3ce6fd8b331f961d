"""Adam's direction with steps of a given KL divergence: Adam, once its step size is everybody else's.

δ = −m̂/(√v̂ + ε)  (Kingma & Ba 2015, arXiv 1412.6980),      s with KL(p_θ ‖ p_{θ+sδ}) = kl · lr²
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from qgeo.heads.jacobian import trainable
from qgeo.optim.gradients import check_finite_gradients
from qgeo.optim.line import Line, move_to
from qgeo.optim.realised_kl import Length, RealisedKL


class AdamByKL(torch.optim.Adam):
    """Adam whose every step has the KL divergence `length.kl` · lr² at its contexts.

    Args:
        head: the head whose trainable parameters move; length: the KL of a step at lr = 1.
        lr: a factor, for schedules.

    >>> from qgeo.heads.born import BornHead
    >>> head, contexts = BornHead(vocabulary=4, context=1), torch.tensor([[0], [1], [2]])
    >>> optimizer = AdamByKL(head, RealisedKL(0.01))
    >>> torch.nn.functional.nll_loss(head(contexts), torch.tensor([1, 2, 3])).backward()
    >>> optimizer.step(contexts=contexts)
    >>> round(optimizer.last_length.kl, 5)
    0.01
    """

    def __init__(self, head: nn.Module, length: RealisedKL, *, lr: float = 1.0) -> None:
        self._own = [parameter for _, parameter in trainable(head)]
        super().__init__(self._own, lr=lr)
        self.head, self.length = head, length
        self.last_length: Length | None = None

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], Any] | None = None, *, contexts: Tensor
    ) -> Any:
        """One step; contexts: (B, k) token ids at which its KL is taken.

        Raises:
            ShapeError: a gradient that is not finite; nothing has moved then.
        """
        start = self._flat()
        with torch.enable_grad():
            loss = None if closure is None else closure()
        check_finite_gradients(self.head)
        super().step()
        moved = self._flat() - start
        move_to(self._own, start)
        if bool(moved.any()):
            target = self.length.kl * float(self.param_groups[0]["lr"]) ** 2
            self.last_length = Line(self.head, self._own, start, moved, contexts).at_kl(target)
            move_to(self._own, start + self.last_length.length * moved)
        return loss

    def _flat(self) -> Tensor:
        return torch.cat([parameter.flatten() for parameter in self._own])
