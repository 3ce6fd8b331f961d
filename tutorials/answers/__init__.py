"""Answers to the exercises of the notebooks, checked: each check prints "right", or a hint.

Import it from a notebook beside it, `import answers`; put your answer in place of the three dots.
"""

from .tutorial_1 import check_1a, check_1b, check_1c
from .tutorial_2 import check_2
from .tutorial_3 import check_3a, check_3b, check_3c
from .tutorial_4 import check_4a, check_4b, check_4c
from .tutorial_5 import check_5a, check_5b, check_5c
from .tutorial_6 import check_6a, check_6b, check_6c
from .tutorial_7 import check_7a, check_7b
from .tutorial_8 import check_8a, check_8b
from .tutorial_9 import check_9a, check_9b

__all__ = [
    "check_1a",
    "check_1b",
    "check_1c",
    "check_2",
    "check_3a",
    "check_3b",
    "check_3c",
    "check_4a",
    "check_4b",
    "check_4c",
    "check_5a",
    "check_5b",
    "check_5c",
    "check_6a",
    "check_6b",
    "check_6c",
    "check_7a",
    "check_7b",
    "check_8a",
    "check_8b",
    "check_9a",
    "check_9b",
]
