"""The pages of the API reference: which modules they have. Their text is that of the docstrings.

A page per package, written before the build into docs/reference/api (git-ignored). What `qgeo` itself
names stands on its page alone.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import qgeo

ALL = "*"
PACKAGES: dict[str, tuple[str, ...] | str] = {
    "geometry": ALL,
    "estimators": ALL,
    "heads": ALL,
    "optim": ALL,
    "modules": ALL,
    "observables": ALL,
    "tasks": ALL,
    "trunks": ALL,
    "plot": ALL,
    "interop": ALL,
    "backends": ("names", "ledgers", "ledger", "ledger_sampler", "cost", "transpilation"),
    "comparison": (
        "comparison",
        "config",
        "sections",
        "verdicts",
        "race",
        "results",
        "run_folder",
        "generate",
    ),
    "studies": ("study", "catalogue", "published"),
    "statistics": ALL,
    "vqe": ("minimization", "settings"),
    "hardware": ("plan", "requests", "fisher_request"),
    "circuit": ("compiler", "program", "qasm", "ansatz", "catalogue", "paulis", "monomial", "layers"),
}
"""Of qgeo, in the order of the list, with the modules that somebody else may want to call; what is not here
(engines, files, what commands print) serves these."""


def pages() -> dict[str, str]:
    """Text by name of a page, in reStructuredText."""
    return {"qgeo": _top_page(), **{f"qgeo.{name}": _package_page(f"qgeo.{name}") for name in PACKAGES}}


def list_of_pages() -> str:
    """What the first page of the reference has: each package with the first line of its docstring."""
    names = ["qgeo", *(f"qgeo.{name}" for name in PACKAGES)]
    rows = "\n".join(f"| [{name}](api/{name}.rst) | {_summary(name)} |" for name in names)
    entries = "\n".join(f"/docs/reference/api/{name}" for name in names)
    return f"| package | holds |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{entries}\n```"


def _summary(name: str) -> str:
    module = importlib.import_module(name)
    return " ".join((module.__doc__ or "").split("\n\n")[0].split())


def _top_page() -> str:
    return "\n".join([*_title("qgeo"), ".. automodule:: qgeo\n", *map(_top_member, public_names())])


def _top_member(name: str) -> str:
    kind = _kind(getattr(qgeo, name))
    members = "" if kind == "function" else "   :members:\n"
    return f".. auto{kind}:: qgeo.{name}\n{members}"


def public_names() -> list[str]:
    """What `qgeo` itself names, functions before classes."""
    return sorted(qgeo.__all__, key=lambda name: (inspect.isclass(getattr(qgeo, name)), name.lower()))


def _kind(member: object) -> str:
    if not inspect.isclass(member):
        return "function"
    return "exception" if issubclass(member, Exception) else "class"


def _package_page(name: str) -> str:
    package = importlib.import_module(name)
    lines = [*_title(name), f".. automodule:: {name}\n"]
    for module in modules_of(package, PACKAGES[name.removeprefix("qgeo.")]):
        lines += [*_title(module, "-"), *_automodule(module)]
    return "\n".join(lines)


def modules_of(package: ModuleType, wanted: tuple[str, ...] | str) -> Iterator[str]:
    """Full names of the wanted modules below a package, in alphabetical order."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if wanted == ALL or module.name.removeprefix(f"{package.__name__}.") in wanted:
            yield module.name


def _automodule(name: str) -> list[str]:
    elsewhere = sorted(
        member for member in qgeo.__all__ if getattr(getattr(qgeo, member), "__module__", None) == name
    )
    hidden = [f"   :exclude-members: {', '.join(elsewhere)}"] if elsewhere else []
    return [f".. automodule:: {name}", "   :members:", *hidden, ""]


def _title(text: str, line: str = "=") -> list[str]:
    return [text, line * len(text), ""]


def write(folder: Path) -> None:
    """All pages; what is as it was keeps its time, so that Sphinx does not read it again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{name}.rst": text for name, text in pages().items()}
    for stale in set(folder.glob("*.rst")) - set(wanted):
        stale.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _write(app: Any) -> None:
    write(Path(app.srcdir) / "docs" / "reference" / "api")


def setup(app: Any) -> dict[str, Any]:
    """Before Sphinx looks for pages."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
