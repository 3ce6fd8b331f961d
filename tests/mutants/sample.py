"""Which mutants are tried: all that Cosmic Ray's operators make of seven packages, in a drawn order.

A mutant is one change at one place: an operator, a comparison, a number, a boolean, a condition, a loop, a
handled exception. Each operator gets the one or two replacements below, which run where it did: Cosmic Ray
knows eleven for every arithmetic operator, most of which (a float `&` a float) no test could miss. Passed
over are annotations, decorators, `TYPE_CHECKING`, the text of a raised error, and what does not compile.

The order is stratified by package: the j-th of a package's N shuffled mutants stands at (j + u)/N, u uniform
in [0, 1). So every prefix holds, to within one, as many of each package as are proportional to its N.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

SEED = 20261126

_FOLDERS = ("circuit", "simulate", "geometry", "estimators", "optim", "tasks")
PACKAGES = {
    **{name: f"qgeo/{name}/**/*.py" for name in _FOLDERS},
    "statistics": "qgeo/statistics/means.py",
}

_REPLACED = {
    "Binary": (
        *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul"),
        *("RShift_LShift", "LShift_RShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr"),
    ),
    "Comparison": (
        *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_LtE", "Lt_GtE"),
        *("LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
    ),
    "Unary": ("Delete_USub", "Delete_Not", "Delete_Invert"),
}
OPERATORS = (
    *(f"Replace{kind}Operator_{pair}" for kind, pairs in _REPLACED.items() for pair in pairs),
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    *("ExceptionReplacer", "NumberReplacer"),
)

_NO_ARITHMETIC = {"parameters", "lambdef", "dictorsetmaker", "atom"}
"""Nodes in which `*`, `/` and `**` are punctuation."""


@dataclass(frozen=True)
class Mutant:
    """The occurrence-th place of a file at which an operator applies."""

    package: str
    path: str
    operator: str
    occurrence: int
    line: int

    def source(self, tree: Path) -> str:
        """The file with the change made in it."""
        operator = get_operator(f"core/{self.operator}")()
        return str(mutate_code((tree / self.path).read_text(), operator, self.occurrence))


def drawn_order(tree: Path, seed: int = SEED) -> list[Mutant]:
    """All mutants of a source tree, each prefix stratified by package.

    >>> from collections import Counter
    >>> prefix = drawn_order(Path(__file__).parents[2])[:300]
    >>> set(Counter(mutant.package for mutant in prefix)) == set(PACKAGES)
    True
    """
    generator = random.Random(seed)
    placed: list[tuple[float, Mutant]] = []
    for package in PACKAGES:
        mutants = mutants_of_package(tree, package)
        generator.shuffle(mutants)
        start = generator.random()
        placed += [((j + start) / len(mutants), mutant) for j, mutant in enumerate(mutants)]
    return [mutant for _, mutant in sorted(placed, key=lambda pair: pair[0])]


def mutants_of_package(tree: Path, package: str) -> list[Mutant]:
    """In the order of files, operators and places."""
    files = sorted(tree.glob(PACKAGES[package]))
    return [m for file in files for m in _mutants_of_file(tree, file, package)]


def _mutants_of_file(tree: Path, file: Path, package: str) -> Iterator[Mutant]:
    nodes = list(ast_nodes(get_ast(file.read_text())))
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        places = ((node, start[0]) for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (node, line) in enumerate(places):
            if _runs(node):
                yield Mutant(package, str(file.relative_to(tree)), name, occurrence, line)


@cache
def _runs(node: Any) -> bool:
    """Whether a node is computed with: it and everything around it."""
    parent = node.parent
    if parent is None:
        return True
    punctuation = node.type == "operator" and parent.type in _NO_ARITHMETIC
    message = node.type == "fstring" and node.search_ancestor("raise_stmt") is not None
    typing = node.type == "if_stmt" and node.children[1].get_code().strip() == "TYPE_CHECKING"
    passed_over = punctuation or message or typing or node.type == "decorator" or _is_annotation(node)
    return not passed_over and _runs(parent)


def _is_annotation(node: Any) -> bool:
    parent = node.parent
    if parent.type == "annassign":
        return node is parent.children[1]
    return parent.type == "tfpdef" or (parent.type == "funcdef" and node is parent.annotation)
