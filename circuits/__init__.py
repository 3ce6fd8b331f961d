"""The frozen catalogue: OpenQASM 3 files and `manifest.toml`, read by `qgeo.circuit.catalogue`."""
