"""Torch modules with circuits inside: where the circuits stand, and the information matrix of the whole."""
