"""Every sentence that qgeo refuses something with, collected from the code, with what to do.

A sentence is the text of a call of an error's class, wherever it stands. Its own structure is "what was
expected, what came; what to do": what follows the last semicolon is the advice; where there is none, what was
expected is. What the program fills in is written as … .
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLANK = "…"
_SIGNS = re.compile(r"([\\*_{}\[\]<>|$#~])")
_WITH_BACKSLASH = r"\\\1"
_WARNING = "Warning"
_FEWEST_WORDS = 3  # with fewer words of its own a sentence is that of another place, passed on


@dataclass(frozen=True, order=True)
class Sentence:
    """What an error says: its class, the module that raises it, the text with … for what is filled in."""

    error: str
    module: str
    text: str

    @property
    def problem(self) -> str:
        """All but the advice."""
        return self._parts()[0]

    @property
    def advice(self) -> str:
        """What to do: said after the semicolon, or what was expected; "" where the text itself says it."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        said, _, advice = self.text.rpartition("; ")
        if said and advice.strip(_BLANK + " "):
            return said, advice
        expected = "" if self.error == "AgreementError" else _expected(self.text)
        return self.text, expected or _FOR_ALL.get(self.error, "")


_FOR_ALL = {
    "AgreementError": "one of the two computations is wrong: report it, with the run folder",
    "CircuitError": "change the circuit or the file where it says",
    "ConfigurationError": "look at what it names, and at the reason behind it",
    "ShapeError": "give numbers of the shape that it says",
    _WARNING: "nothing needs to be done",
    "ValueError": "do as it says",
    "PendingError": "nothing is wrong: ask again later",
    "RefusedError": "nothing was posted or charged: change what the reason names, then post again",
    "FailedJobError": "give the job up with `qgeo hardware retry`, then `resume`",
    "UnknownJobError": "use the account that posted it",
    "QGeoError": "look at the place and the reason that it names",
}
"""What to do about sentences that hold a reason of somebody else's in place of an advice."""


def _expected(text: str) -> str:
    """What a sentence expected, as an advice; "" where it does not say so."""
    wanted = text.partition("expected ")[2]
    for end in (", got ", ", found ", ", not ", ", it ", "; "):
        wanted = wanted.partition(end)[0]
    return f"it takes {wanted}" if wanted else ""


def error_classes(root: Path = ROOT) -> dict[str, tuple[str, str]]:
    """By name of every class of `QGeoError`: the one it derives from, and its docstring's first paragraph."""
    nodes = (node for tree in _trees(root).values() for node in ast.walk(tree))
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    known = {"QGeoError"}
    while more := {name for name, node in classes.items() if {*_bases(node)} & known} - known:
        known |= more
    return {
        name: (next(_bases(classes[name]), ""), (ast.get_docstring(classes[name]) or "").split("\n\n")[0])
        for name in sorted(known)
    }


def _bases(node: ast.ClassDef) -> Iterator[str]:
    return (base.id for base in node.bases if isinstance(base, ast.Name))


def _trees(root: Path) -> dict[str, ast.Module]:
    """All modules of the package by path below the root."""
    return {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((root / "qgeo").rglob("*.py"))
    }


def sentences(root: Path = ROOT) -> list[Sentence]:
    """All sentences, each once per module."""
    classes = {*error_classes(root)}
    found = {
        Sentence(error, module, text)
        for module, tree in _trees(root).items()
        for error, text in _in_module(tree, classes | _others(module))
        if len(text.replace(_BLANK, " ").split()) >= _FEWEST_WORDS
    }
    return sorted(found)


def _others(module: str) -> set[str]:
    """Pydantic turns a ValueError of a configuration's check into one of ours."""
    return {"ValueError"} if module == "qgeo/comparison/sections.py" else set()


def _in_module(tree: ast.Module, classes: set[str]) -> Iterator[tuple[str, str]]:
    named = _named_texts(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and (error := _class_of(node.func, classes)):
            for text in _texts(node.args[0], named):
                yield error, " ".join(text.split())


def _named_texts(tree: ast.Module) -> dict[str, ast.expr]:
    """What names at the top of a module stand for: a sentence may be one of them."""
    values = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
    return values


def _class_of(function: ast.expr, classes: set[str]) -> str:
    """The class that a call makes; "" for a call of something else."""
    if isinstance(function, ast.Name) and function.id in classes:
        return function.id
    if isinstance(function, ast.Attribute) and function.attr == "error":  # of `files.Storage`
        return "QGeoError"
    if isinstance(function, ast.Attribute) and function.attr in ("warn", "warning"):
        return _WARNING
    return ""


def _texts(node: ast.expr, named: dict[str, ast.expr]) -> Iterable[str]:
    """What an expression may say: both branches of a condition, both sides of a sum."""
    if isinstance(node, ast.Name) and node.id in named:
        return _texts(named[node.id], {})
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, named), *_texts(node.orelse, named)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [left + right for left in _texts(node.left, named) for right in _texts(node.right, named)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(map(_piece, node.values))]
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return [re.sub("%[sd]", _BLANK, node.value)] if is_text else [_BLANK]


def _piece(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else _BLANK


_TITLES = {"ValueError": "Values in a configuration", _WARNING: "Warnings and notes"}
_OTHERS = {
    "ValueError": ("QGeoError", "What is wrong with a value, behind the name of its key."),
    _WARNING: ("", "Nothing is refused; something is slower, waits, or is not as it may seem."),
}


def markdown(root: Path = ROOT) -> str:
    """A table for each class of error, with a lead-in from its docstring."""
    classes = error_classes(root) | _OTHERS
    groups = groupby(sentences(root), key=lambda each: each.error)
    return "\n\n".join(_table(error, classes[error][1], [*group]) for error, group in groups)


def _table(error: str, summary: str, group: list[Sentence]) -> str:
    rows = "\n".join(
        f"| {escaped(each.problem)} | {escaped(each.advice)} | {_place(each.module)} |" for each in group
    )
    title = _TITLES.get(error, error)
    lead = " ".join(escaped(summary).split())
    return f"### {title}\n\n{lead}\n\n| what it says | what to do | said by |\n|---|---|---|\n{rows}"


def _place(path: str) -> str:
    """The module, linked to its part of the API reference where it has one."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"{{py:mod}}`{name.removeprefix('qgeo.')} <{name}>`"


def escaped(text: str) -> str:
    """Text as itself in a table of Markdown; code between backticks stays code.

    >>> escaped("a_b `c_d`")
    'a\\\\_b `c_d`'
    """
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return _SIGNS.sub(_WITH_BACKSLASH, text).replace("`", "\\`")
    outside = [_SIGNS.sub(_WITH_BACKSLASH, each) for each in pieces[::2]]
    inside = [each.replace("|", "\\|") for each in pieces[1::2]]
    both = chain.from_iterable(zip_longest(outside, inside))
    return "`".join(each for each in both if each is not None)
