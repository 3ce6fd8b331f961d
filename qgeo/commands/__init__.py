"""The commands of `qgeo`: a file each; options in, calls into packages, tables or JSON out.

Nothing slow is imported before a command runs, so that help is there at once.
"""
