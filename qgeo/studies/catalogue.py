"""Studies by name: the one place where a study is entered."""

from __future__ import annotations

from qgeo.registry import Registry
from qgeo.studies.filter import FILTER
from qgeo.studies.information_per_parameter import INFORMATION_PER_PARAMETER
from qgeo.studies.measurement_cost import MEASUREMENT_COST
from qgeo.studies.published import PUBLISHED
from qgeo.studies.pullback import PULLBACK
from qgeo.studies.qng_audit import QNG_AUDIT
from qgeo.studies.readout import READOUT
from qgeo.studies.reparameterization import REPARAMETERIZATION
from qgeo.studies.scaling import SCALING
from qgeo.studies.sharpness import SHARPNESS
from qgeo.studies.study import Study
from qgeo.studies.transformer_sharpness import TRANSFORMER_SHARPNESS
from qgeo.studies.update_direction import UPDATE_DIRECTION

STUDIES: Registry[Study] = Registry(
    "a study",
    (
        FILTER,
        PUBLISHED,
        PULLBACK,
        QNG_AUDIT,
        READOUT,
        REPARAMETERIZATION,
        INFORMATION_PER_PARAMETER,
        UPDATE_DIRECTION,
        SHARPNESS,
        TRANSFORMER_SHARPNESS,
        MEASUREMENT_COST,
        SCALING,
    ),
)
