"""Formulas between dollars as MathML, which browsers draw without a script and screen readers read.

docutils translates; it refuses a command that it does not know, and the build fails with its name. What it
lacks of LaTeX that pages use is rewritten first.
"""

from __future__ import annotations

import re
from typing import Any

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

_REWRITTEN = (
    (re.compile(r"\\(big|Big|bigg|Bigg)(?![A-Za-z])"), r"\\\1l"),  # a size without a side
    (
        re.compile(r"\\([td]?frac)\s*(\d)\s*(\d)"),
        r"\\\1{\2}{\3}",
    ),  # \tfrac12, which docutils reads as 12 over ...
    (re.compile(r"\\ket\{([^{}]*)\}"), r"|\1\\rangle "),
    (re.compile(r"\\bra\{([^{}]*)\}"), r"\\langle \1|"),
)


def to_mathml(tex: str, *, is_block: bool) -> str:
    r"""A formula as a `<math>` element.

    Raises:
        MathError: it has a command that docutils does not know.

    >>> to_mathml(r"\tfrac12", is_block=False).count("<mn>")
    2
    """
    for pattern, replacement in _REWRITTEN:
        tex = pattern.sub(replacement, tex)
    return str(tex2mathml(tex, as_block=is_block))


def _visit(translator: Any, node: Any, *, is_block: bool) -> None:
    from docutils import nodes
    from sphinx.util import logging

    tag = "div" if is_block else "span"
    try:
        formula = to_mathml(node.astext(), is_block=is_block)
    except MathError as error:
        logging.getLogger(__name__).warning("%s in the formula %s", error, node.astext(), location=node)
        formula = ""
    translator.body.append(f'<{tag} class="math">{formula}</{tag}>')
    raise nodes.SkipNode


def _visit_inline(translator: Any, node: Any) -> None:
    _visit(translator, node, is_block=False)


def _visit_block(translator: Any, node: Any) -> None:
    _visit(translator, node, is_block=True)


def setup(app: Any) -> dict[str, Any]:
    """Registered under the name that `html_math_renderer` asks for."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True}
