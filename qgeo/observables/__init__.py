"""Observables H = Σ_k w_k P_k with real weights: in and out of files, and their smallest eigenvalue.

Files and sums as text: `files.py`. Exact ground energies: `ground.py`.
"""
