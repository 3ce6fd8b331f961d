"""What may be said of a few numbers: means, differences and ratios with their intervals, equivalence."""
