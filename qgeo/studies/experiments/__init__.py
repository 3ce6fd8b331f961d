"""What studies measure with: circuits, heads and trainings under control, published settings."""
