"""`qgeo vqe`: the energy of a circuit's states lowered step by step, in a folder that can be gone on with."""
