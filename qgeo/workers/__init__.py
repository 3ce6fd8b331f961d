"""Pure work on many processes: this one, local ones, or the workers of a Dask cluster."""
