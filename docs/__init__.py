"""The documentation: pages, and what builds a site from them (`make docs`)."""
