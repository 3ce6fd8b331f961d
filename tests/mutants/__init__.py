"""Do the tests notice? Small faults are planted in a copy of qgeo, one at a time: `make mutants`."""
