"""The page of a comparison: series read from a run folder, figures drawn, HTML written."""
