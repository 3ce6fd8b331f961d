"""Registries: what has a name, each entered once, ours and everybody else's alike.

    METRICS.register(Metric("mine", …))        METRICS["mine"]        list(METRICS)

A record says everything about its kind: how it is built, what it costs, what it needs. Messages, help texts,
plans and costs are made from records, so that nothing has to be entered in a second place. Records are added
and never changed or removed: a name means one thing as long as a process lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Generic, Protocol, TypeVar

from qgeo.errors import ConfigurationError


class Named(Protocol):
    """A record."""

    @property
    def name(self) -> str: ...


Record = TypeVar("Record", bound=Named)


class Registry(Mapping[str, Record], Generic[Record]):
    """Records of one kind by name, in the order in which they were registered.

    Args:
        kind: what a record is, with its article, for messages.
        reserved: names that mean something else where these names are given.

    >>> from types import SimpleNamespace
    >>> colours = Registry("a colour", [SimpleNamespace(name="red")])
    >>> colours["blue"]
    Traceback (most recent call last):
    qgeo.errors.ConfigurationError: expected a colour among red, got 'blue'
    """

    def __init__(self, kind: str, records: Iterable[Record] = (), reserved: Iterable[str] = ()) -> None:
        self.kind, self._reserved = kind, frozenset(reserved)
        self._records: dict[str, Record] = {}
        for record in records:
            self.register(record)

    def register(self, record: Record) -> Record:
        """Add a record.

        Raises:
            ConfigurationError: there is one of this name, or it is none that can be given.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:=-]*", record.name):
            raise ConfigurationError(
                f"expected {self.kind} with a name of letters, digits and - _ . : =, got {record.name!r}"
            )
        if record.name in self._records or record.name in self._reserved:
            raise ConfigurationError(
                f"expected {self.kind} with a name of its own, got {record.name!r}, which is taken; choose "
                "another name"
            )
        self._records[record.name] = record
        return record

    def __getitem__(self, name: str) -> Record:
        """
        Raises:
            ConfigurationError: there is none of this name.
        """
        if name not in self._records:
            raise ConfigurationError(f"expected {self.kind} among {self}, got {name!r}")
        return self._records[name]

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __str__(self) -> str:
        """All names, for messages and help texts."""
        return ", ".join(self._records)


def import_plugins(modules: Iterable[str]) -> None:
    """Import modules that register records of their own.

    Raises:
        ConfigurationError: one cannot be imported.
    """
    for module in modules:
        try:
            import_module(module)
        except ConfigurationError:  # a name that is taken
            raise
        except Exception as error:
            raise ConfigurationError(
                f"expected the plugin {module!r} to be imported, got {type(error).__name__}: {error}; "
                f"{_remedy(module, error)}"
            ) from None


def _remedy(module: str, error: Exception) -> str:
    """What to do about a plugin that is not there, or is and fails."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and f"{module}.".startswith(f"{missing}."):
        return "install it, or name its folder in PYTHONPATH"
    return f"install {missing}, which it needs" if missing else "mend it: it fails when it is imported"
