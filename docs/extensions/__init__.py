"""What the site has beside Sphinx, one concept a file.

Texts from the program: `command_reference.py` (with `shell_examples.py`), `configuration_reference.py`,
`error_sentences.py`, `api_pages.py` (with `docstrings.py`). How pages look and are found: `mathml.py`,
`plain_blocks.py`, `accessible.py`, `navigation.py`. The texts are made by functions that know nothing of
Sphinx; `generated_text.py` and each file's `setup` hand them over.
"""
