"""A device that is not there: tensors with real numbers that count as lying on another device.

An `Elsewhere` tensor says that it lies on the device `AWAY`, and computes with a CPU tensor inside. Under
`Watched` every operation is looked at: one whose tensors lie on two devices is refused, as a GPU refuses it,
and whatever makes the host wait for the device is noted with the place in qgeo that asked. So a path for a
GPU runs on a machine without one, with its numbers. (Torch's fake tensors know no numbers, and a torch that
is built without CUDA, as ours is, refuses to index them on "cuda" and aborts where a gradient is asked for.)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

import qgeo

AWAY = torch.device("meta")
"""The only device beside the CPU that every torch has; nothing of qgeo knows it."""

_HERE = torch.device("cpu")
_SOURCE = Path(qgeo.__file__).parent
_ATEN = torch.ops.aten
_ASKS = {
    _ATEN._local_scalar_dense.default: "a number",
    _ATEN.equal.default: "a number",
    _ATEN.nonzero.default: "a shape",
    _ATEN.masked_select.default: "a shape",
    _ATEN._unique2.default: "a shape",
    _ATEN.unique_dim.default: "a shape",
}
"""What the host cannot go on without."""


class Elsewhere(torch.Tensor):
    """A tensor on `AWAY` with its numbers inside."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=AWAY,
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("expected an operation under Watched(), whose notes these tensors are for")


class Watched(TorchDispatchMode):
    """Runs what is done to `Elsewhere` tensors, and notes when the host waits.

    Attributes:
        waits: (file in qgeo, function, what for) of every time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: set[tuple[str, str, str]] = set()

    def __enter__(self) -> Watched:
        self._tensor, torch.tensor = torch.tensor, _tensor  # a meta tensor of numbers would come by unseen
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        torch.tensor = self._tensor

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
        away = [each for each in given if isinstance(each, Elsewhere)]
        target = _target(kwargs)
        self._look(func, args, given, away, target)
        if target is not None:
            kwargs["device"] = _HERE
        outcome = func(*tree_map(_inside, args), **tree_map(_inside, kwargs))
        if (target or (AWAY if away else _HERE)) == _HERE:
            return outcome
        outer = {id(each.inner): each for each in away}
        return tree_map(lambda each: _outside(each, outer), outcome)

    def _look(self, func: Any, args: Any, given: list[Any], away: list[Any], target: Any) -> None:
        here = [each for each in given if not isinstance(each, Elsewhere)]
        if away and func in _ASKS:
            self._note(_ASKS[func])
        elif func is _ATEN._to_copy.default and target is not None and target != args[0].device:
            self._note("a copy to the device" if target == AWAY else "a copy to the host")
        elif away and here and func is _ATEN.copy_.default:
            self._note("a copy to the device" if isinstance(args[0], Elsewhere) else "a copy to the host")
        elif away and any(each.dim() for each in here):
            raise RuntimeError(f"expected tensors on one device, got two, by {func} in {_place()}")
        if away and func in (_ATEN.index.Tensor, _ATEN.index_put_.default) and _is_masked(args[1]):
            self._note("a shape")

    def _note(self, what: str) -> None:
        self.waits.add((*_place(), what))


_made_here = torch.tensor


def _tensor(numbers: Any, *, device: Any = None, **others: Any) -> torch.Tensor:
    """torch.tensor: made here, then moved."""
    made = _made_here(numbers, **others)
    return made if device is None else made.to(device)


def _target(kwargs: dict[str, Any]) -> torch.device | None:
    return None if kwargs.get("device") is None else torch.device(kwargs["device"])


def _is_masked(indices: Any) -> bool:
    return any(each is not None and each.dtype == torch.bool for each in indices)


def _inside(each: Any) -> Any:
    return each.inner if isinstance(each, Elsewhere) else each


def _outside(each: Any, outer: dict[int, Elsewhere]) -> Any:
    """The same object for an operation in place, as autograd wants it."""
    if not isinstance(each, torch.Tensor):
        return each
    return outer.get(id(each)) if id(each) in outer else Elsewhere(each.resolve_conj().resolve_neg())


def _place() -> tuple[str, str]:
    """The innermost line of qgeo."""
    frame: Any = sys._getframe()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if _SOURCE in path.parents:
            return str(path.relative_to(_SOURCE)), frame.f_code.co_name
        frame = frame.f_back
    return "", ""
