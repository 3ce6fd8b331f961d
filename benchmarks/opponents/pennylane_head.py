# Opponent: loss + gradient of a Born head in PennyLane with torch backprop. Usage: pennylane_head.py N LAYERS BATCH (needs: pennylane, torch)
import time, torch, numpy as np, pennylane as qml, warnings
warnings.filterwarnings("ignore"); torch.set_num_threads(2)
def run(n,L,B):
    dev=qml.device("default.qubit",wires=n)
    @qml.qnode(dev,interface="torch",diff_method="backprop")
    def c(x,w):
        for q in range(n): qml.RY(x[:,q],wires=q)
        for l in range(L):
            for q in range(n): qml.RY(w[l,0,q],wires=q)
            for q in range(n): qml.RZ(w[l,1,q],wires=q)
            for q in range(n-1): qml.CNOT(wires=[q,q+1])
        return qml.probs(wires=range(n))
    x=torch.rand(B,n,dtype=torch.float64); w=torch.rand(L,2,n,dtype=torch.float64,requires_grad=True); y=torch.randint(0,2**n,(B,))
    def step():
        w.grad=None
        p=c(x,w); l=-(p[torch.arange(B),y]+1e-12).log().mean(); l.backward(); return l
    t=time.perf_counter(); step(); first=time.perf_counter()-t; ts=[]
    for _ in range(7):
        t=time.perf_counter(); step(); ts.append(time.perf_counter()-t)
    import json; print(json.dumps({"first": first, "median": float(np.median(ts))}))
import sys; run(*map(int, sys.argv[1:4]))
