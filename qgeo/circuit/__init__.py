"""Circuits as plain data: compiler from Qiskit, `Program`, OpenQASM in and out, ansätze, catalogue."""
