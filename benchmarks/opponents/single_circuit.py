# Opponents: QFIM of one circuit. Usage: single_circuit.py pl_adjoint|tc|reverse|lincomb N LAYERS (needs: pennylane, tensorcircuit-ng, jax, qiskit-algorithms, qiskit-machine-learning)
import sys, time, numpy as np, warnings
warnings.filterwarnings("ignore")
peer, n, L = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
P = 2*n*L
theta = np.random.default_rng(0).uniform(-np.pi, np.pi, P)
def timeit(f, budget=20.0, maxrep=7):
    t0=time.perf_counter(); out=f(); first=time.perf_counter()-t0
    ts=[]
    while len(ts)<maxrep and sum(ts)+first<budget:
        t0=time.perf_counter(); out=f(); ts.append(time.perf_counter()-t0)
    return out, first, (np.median(ts) if ts else first)
def qiskit_circ():
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    p=ParameterVector("t",P); qc=QuantumCircuit(n); k=0
    for l in range(L):
        for q in range(n): qc.ry(p[k],q); k+=1
        for q in range(n): qc.rz(p[k],q); k+=1
        for q in range(n-1): qc.cx(q,q+1)
    return qc
def pl_fn():
    import pennylane as qml
    def f(t):
        k=0
        for l in range(L):
            for q in range(n): qml.RY(t[k],wires=q); k+=1
            for q in range(n): qml.RZ(t[k],wires=q); k+=1
            for q in range(n-1): qml.CNOT(wires=[q,q+1])
    return f
if peer=="pl_adjoint":
    import pennylane as qml
    from pennylane import numpy as pnp
    dev=qml.device(sys.argv[4] if len(sys.argv)>4 else "default.qubit",wires=n)
    body=pl_fn()
    @qml.qnode(dev)
    def c(t):
        body(t); return qml.expval(qml.PauliZ(0))
    g=qml.adjoint_metric_tensor(c)
    t=pnp.array(theta,requires_grad=True)
    out,f,m=timeit(lambda:4*np.asarray(g(t)))
elif peer=="jax" or peer=="tc":
    import jax, jax.numpy as jnp
    jax.config.update("jax_enable_x64",True)
    import tensorcircuit as tc; import tensorcircuit.experimental
    tc.set_backend("jax"); tc.set_dtype("complex128")
    def state(t):
        c=tc.Circuit(n); k=0
        for l in range(L):
            for q in range(n): c.ry(q,theta=t[k]); k+=1
            for q in range(n): c.rz(q,theta=t[k]); k+=1
            for q in range(n-1): c.cnot(q,q+1)
        return c.state()
    if peer=="tc":
        g=tc.backend.jit(tc.experimental.qng(state,mode=sys.argv[4] if len(sys.argv)>4 else "fwd"))
        out,f,m=timeit(lambda:4*np.asarray(jax.block_until_ready(g(theta))).real, budget=60)
elif peer=="reverse":
    from qiskit_algorithms.gradients import ReverseQGT, QFI
    qc=qiskit_circ(); q=QFI(ReverseQGT())
    out,f,m=timeit(lambda:q.run([qc],[theta]).result().qfis[0])
elif peer=="lincomb":
    from qiskit_machine_learning.gradients import LinCombQGT, QFI
    from qiskit.primitives import StatevectorEstimator
    qc=qiskit_circ(); q=QFI(LinCombQGT(StatevectorEstimator()))
    out,f,m=timeit(lambda:q.run([qc],[theta]).result().qfis[0])
import json; print(json.dumps({"first": f, "median": float(m), "trace": float(np.trace(np.asarray(out)))}))
