"""Studies: a claim, what is proved of it, what is measured, and what could have failed; a module each."""
