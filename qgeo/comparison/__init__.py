"""Comparisons: configuration, training, tuning, statistics, run folder; `page/` draws the report."""
