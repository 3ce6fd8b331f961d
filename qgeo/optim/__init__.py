"""Natural gradient, metrics by name, damping, steps of a given size."""
