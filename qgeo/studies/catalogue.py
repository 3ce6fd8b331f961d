"""Studies by name: the one place where a study is entered."""

from __future__ import annotations

from qgeo.registry import Registry
from qgeo.studies.filter import FILTER
from qgeo.studies.pullback import PULLBACK
from qgeo.studies.qng_audit import QNG_AUDIT
from qgeo.studies.study import Study

STUDIES: Registry[Study] = Registry("a study", (FILTER, PULLBACK, QNG_AUDIT))
