"""`python -m qgeo`: the command `qgeo`, where it is in no PATH."""

from qgeo.cli import main

if __name__ == "__main__":
    main()
