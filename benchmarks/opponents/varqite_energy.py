# Opponent: VarQITE with exact gradients and forward Euler steps of 0.01. Usage: varqite_energy.py N REPS STEPS (needs: qiskit-algorithms)
# Two qubits: the case of its documentation, eigenvalues kept down to 1e-12 instead of its default 1e-2; more: an Ising chain, F/4 + 1e-3.
import json, sys, time, warnings, numpy as np
warnings.filterwarnings("ignore")
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_algorithms import TimeEvolutionProblem, VarQITE
from qiskit_algorithms.gradients import ReverseEstimatorGradient, ReverseQGT
from qiskit_algorithms.time_evolvers.variational import ImaginaryMcLachlanPrinciple
n, reps, steps = map(int, sys.argv[1:4])
if n==2: hamiltonian=SparsePauliOp(["II","ZZ","IZ","ZI","YY","XX"],[0.2252,0.5716,0.3435,-0.4347,0.091,0.091])
else: hamiltonian=SparsePauliOp.from_sparse_list([("ZZ",[q,q+1],-1.0) for q in range(n-1)]+[("X",[q],-1.0) for q in range(n)],n)
ansatz=efficient_su2(n,reps=reps); P=ansatz.num_parameters
values=np.full(P,np.pi/2) if n==2 else np.random.default_rng(0).uniform(-np.pi,np.pi,P)
principle=ImaginaryMcLachlanPrinciple(ReverseQGT(),ReverseEstimatorGradient())
solver=(lambda a,b:np.linalg.lstsq(a,b,rcond=1e-12)[0]) if n==2 else (lambda a,b:np.linalg.solve(a+1e-3*np.eye(P),b))
evolver=VarQITE(ansatz,values,principle,lse_solver=solver,num_timesteps=steps)
start=time.process_time(); path=evolver.evolve(TimeEvolutionProblem(hamiltonian,0.01*steps)).parameter_values; spent=(time.process_time()-start)/(len(path)-1)
energies=[float(Statevector(ansatz.assign_parameters(v)).expectation_value(hamiltonian).real) for v in path]
print(json.dumps({"first":spent,"median":spent,"energies":energies[:steps+1]}))
