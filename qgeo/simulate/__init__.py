"""States, gradients and tangents by one of two engines, torch or compiled; knows no Qiskit."""
