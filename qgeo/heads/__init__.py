"""Heads: torch modules from contexts to log-probabilities, with their Jacobians, states and tangents."""
