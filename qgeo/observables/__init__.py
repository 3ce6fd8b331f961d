"""Observables H = Σ_k w_k P_k with real weights: from files, applied to states, as energies of circuits.

Files and sums as text: `files.py`. Exact ground energies: `ground.py`. The torch module: `expectation.py`.
"""
