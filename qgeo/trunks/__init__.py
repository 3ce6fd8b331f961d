"""Trunks under heads: a small transformer of our own, a causal model from a local folder."""
