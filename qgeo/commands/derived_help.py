"""Help texts that name what is registered: filled in when help is asked for, so that nothing slow is imported
before."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class DerivedHelp(TyperCommand):
    """A command in whose help {methods}, {backends}, … stand for the names of that registry."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Fill in all texts, then print them as always."""
        names = registered_names()
        for parameter in self.params:
            text = getattr(parameter, "help", None)
            if text:
                parameter.help = text.format_map(names)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def registered_names() -> dict[str, str]:
    """What the words in braces stand for."""
    from qgeo.backends.names import BACKENDS
    from qgeo.estimators.methods import METHODS, methods_with
    from qgeo.heads.kinds import HEADS
    from qgeo.optim.first_order import FIRST_ORDER
    from qgeo.optim.metrics import METRICS
    from qgeo.tasks import SOURCES
    from qgeo.terminal.fisher_estimate import method_names
    from qgeo.vqe.settings import METHODS as METHODS_OF_VQE

    return {
        "methods": str(METHODS),
        "all_methods": ", ".join(method_names()),
        "methods_with_draws": ", ".join(methods_with(lambda each: each.has_draws)),
        "backends": str(BACKENDS),
        "heads": str(HEADS),
        "metrics": f"{METRICS}, {FIRST_ORDER}",
        "sources": str(SOURCES),
        "vqe_methods": ", ".join(METHODS_OF_VQE),
    }
