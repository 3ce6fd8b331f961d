"""Information matrices, dense and matrix-free, as operators and spectra; exact functions of a circuit."""
