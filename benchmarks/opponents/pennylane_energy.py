# Opponent: QNGOptimizer on an Ising energy. Usage: pennylane_energy.py full|adjoint|block-diag|diag N LAYERS STEPS (needs: pennylane)
# full, block-diag and diag are approx=None, "block-diag" and "diag"; adjoint is metric_tensor_fn=adjoint_metric_tensor, the matrix of full.
import json, sys, time, warnings, numpy as np
warnings.filterwarnings("ignore")
import pennylane as qml
from pennylane import numpy as pnp
metric, n, L, steps = sys.argv[1], *map(int, sys.argv[2:5])
def body(t):
    k=0
    for l in range(L):
        for q in range(n): qml.RY(t[k],wires=q); k+=1
        for q in range(n): qml.RZ(t[k],wires=q); k+=1
        for q in range(n-1): qml.CNOT(wires=[q,q+1])
ising=qml.Hamiltonian([-1.0]*(2*n-1),[qml.Z(q)@qml.Z(q+1) for q in range(n-1)]+[qml.X(q) for q in range(n)])
@qml.qnode(qml.device("default.qubit",wires=n+1),diff_method="backprop")  # the last wire is the Hadamard test's
def energy(t):
    body(t); return qml.expval(ising)
optimizer=qml.QNGOptimizer(0.05,approx=None if metric in ("full","adjoint") else metric,lam=1e-3)
tensor=qml.adjoint_metric_tensor(energy) if metric=="adjoint" else None
t=pnp.array(np.random.default_rng(0).uniform(-np.pi,np.pi,2*n*L),requires_grad=True)
spent,energies=[],[]
for _ in range(steps):
    start=time.process_time(); t,e=optimizer.step_and_cost(energy,t,metric_tensor_fn=tensor); spent.append(time.process_time()-start); energies.append(float(e))
print(json.dumps({"first":spent[0],"median":float(np.median(spent[1:] or spent)),"energies":[*energies,float(energy(t))]}))
