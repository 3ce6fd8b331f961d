"""Fisher information from shots, on any Qiskit V2 sampler, with error bars: one published method a file.

lin_comb            full F_Q, one ancilla, grouped by commuting layers        66 circuits for 4 qubits, 24 p.
mid_circuit         full F_Q, no ancilla: measure on the way
parameter_shift     full F_Q from overlaps, four per pair
block_diagonal      blocks of commuting layers, one circuit each
diagonal            the diagonal alone
spsa, stein         full F_Q from overlaps along random directions
random_measurement  full F_Q as twice the mean F_C in Haar-random bases
sampled_cfi         F_C of the bitstrings
mixed_state         exact SLD F_Q of a noisy circuit

pauli_circuit → experiments → execution → outcomes → layered / overlaps / derivatives → estimate
"""

from qgeo.estimators.allocation import NaturalGradientWeighted as NaturalGradientWeighted
from qgeo.estimators.allocation import VarianceWeighted as VarianceWeighted
from qgeo.estimators.block_diagonal import BlockDiagonalQFI as BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI as DiagonalQFI
from qgeo.estimators.estimate import FisherEstimate as FisherEstimate
from qgeo.estimators.estimator import FisherEstimator as FisherEstimator
from qgeo.estimators.execution import Executor as Executor
from qgeo.estimators.lin_comb import LinCombQFI as LinCombQFI
from qgeo.estimators.mid_circuit import MidCircuitQFI as MidCircuitQFI
from qgeo.estimators.mixed_state import MixedStateQFI as MixedStateQFI
from qgeo.estimators.parameter_shift import ParameterShiftQFI as ParameterShiftQFI
from qgeo.estimators.random_measurement import RandomMeasurementQFI as RandomMeasurementQFI
from qgeo.estimators.repair import bounded as bounded
from qgeo.estimators.repair import generator_gaps as generator_gaps
from qgeo.estimators.repair import nearest_positive_semidefinite as nearest_positive_semidefinite
from qgeo.estimators.repair import shrunk as shrunk
from qgeo.estimators.running_average import RunningAverage as RunningAverage
from qgeo.estimators.sampled_cfi import SampledCFI as SampledCFI
from qgeo.estimators.spsa import SPSAQFI as SPSAQFI
from qgeo.estimators.stein import SteinQFI as SteinQFI
