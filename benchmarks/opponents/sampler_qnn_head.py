# Opponent: loss + gradient of a Born head as SamplerQNN + TorchConnector. Usage: sampler_qnn_head.py N LAYERS BATCH (needs: qiskit-machine-learning, torch)
import json, sys, time, warnings, numpy as np, torch
warnings.filterwarnings("ignore")
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import StatevectorSampler
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import SamplerQNN

n, L, B = map(int, sys.argv[1:4])
x, t = ParameterVector("x", n), ParameterVector("t", 2 * n * L)
qc = QuantumCircuit(n)
for q in range(n): qc.ry(x[q], q)
for l in range(L):
    for q in range(n): qc.ry(t[2 * n * l + q], q)
    for q in range(n): qc.rz(t[2 * n * l + n + q], q)
    for q in range(n - 1): qc.cx(q, q + 1)
qnn = SamplerQNN(circuit=qc, input_params=list(x), weight_params=list(t), sampler=StatevectorSampler())
model = TorchConnector(qnn)
X, Y = torch.rand(B, n), torch.randint(0, 2**n, (B,))
def step():
    model.zero_grad(); p = model(X); l = -(p[torch.arange(B), Y] + 1e-12).log().mean(); l.backward()
s = time.perf_counter(); step(); first = time.perf_counter() - s
s = time.perf_counter(); step(); print(json.dumps({"first": first, "median": time.perf_counter() - s}))
