"""Speed of qgeo beside its opponents, as ratios in one run. `make bench` writes benchmarks/README.md."""
