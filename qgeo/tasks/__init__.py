"""Token sources with exact entropy rates, text, windows and splits: what heads are trained on."""

from qgeo.tasks.entropy import EntropyBracket
from qgeo.tasks.memory import HiddenMarkovMemory, QubitMemory
from qgeo.tasks.named_sources import (
    SOURCES,
    bloch_walk,
    dyck2,
    even,
    golden_mean,
    mess3,
    noisy_parity,
    perturbed_coin,
    rrxor,
    sns,
    source,
    zipf_bigram,
)
from qgeo.tasks.paragraphs import TextSplit, split_text
from qgeo.tasks.process import ContextDistribution, LinearProcess
from qgeo.tasks.replicates import TrainingBlock, replicate_task, training_block
from qgeo.tasks.stream import MeanLoss
from qgeo.tasks.task import Task, source_task, text_task
from qgeo.tasks.text import DEFAULT_CORPUS, Vocabulary, digest, fold, read_corpus
from qgeo.tasks.token_source import TokenSource
from qgeo.tasks.windows import SPLIT, Windows, batches, split

__all__ = [
    "DEFAULT_CORPUS",
    "SOURCES",
    "SPLIT",
    "ContextDistribution",
    "EntropyBracket",
    "HiddenMarkovMemory",
    "LinearProcess",
    "MeanLoss",
    "QubitMemory",
    "Task",
    "TextSplit",
    "TokenSource",
    "TrainingBlock",
    "Vocabulary",
    "Windows",
    "batches",
    "bloch_walk",
    "digest",
    "dyck2",
    "even",
    "fold",
    "golden_mean",
    "mess3",
    "noisy_parity",
    "perturbed_coin",
    "read_corpus",
    "replicate_task",
    "rrxor",
    "sns",
    "source",
    "source_task",
    "split",
    "split_text",
    "text_task",
    "training_block",
    "zipf_bigram",
]
