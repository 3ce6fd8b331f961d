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
