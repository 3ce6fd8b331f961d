"""A causal language model from a local folder, by Hugging Face's transformers: `pip install transformers`.

    tokens ──characters──▶ text ──its tokenizer──▶ its own tokens ──model──▶ last hidden state of the last one

Nothing is downloaded, no code of the folder runs, and weights are read from safetensors alone. It computes in
float64, so that a context's features depend on no other context of its batch; they are brought to mean 0 and
variance 1 over the width, as a GPT's of our own nearly are, so that an encoder starts as on any other trunk.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from qgeo.errors import ConfigurationError
from qgeo.tasks.text import spell

_BATCH = 256
"""Contexts at once, chosen."""


class HuggingFaceTrunk:
    """A causal model of a local folder as a trunk.

    Args:
        folder: as `save_pretrained` of a model and its tokenizer leaves it.
        characters: character i shows token i of the task, V of them; context: k.

    Raises:
        ConfigurationError: transformers is not installed, or the folder holds no causal model that it can
            read, with its tokenizer.
    """

    def __init__(self, folder: Path, characters: str, context: int) -> None:
        self._model, self._tokenizer = _loaded(folder)
        self._characters = characters
        self.name, self.vocabulary, self.context = folder.resolve().name, len(characters), context
        self.width = int(self._model.config.get_text_config().hidden_size)
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())

    def features(self, contexts: Tensor) -> Tensor:
        """(B, width) float64, of contexts (B, k)."""
        with torch.no_grad():
            hidden = torch.cat([self._last_hidden(part) for part in contexts.split(_BATCH)])
            return nn.functional.layer_norm(hidden, (self.width,))

    def _last_hidden(self, contexts: Tensor) -> Tensor:
        ids, mask = _padded([self._ids(context) for context in contexts.tolist()])
        hidden = self._model(
            input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
        ).hidden_states[-1]
        last: Tensor = hidden[torch.arange(len(ids)), mask.sum(1) - 1]
        return last.double()

    def _ids(self, context: list[int]) -> list[int]:
        """The model's own tokens of a context, behind the one that begins a text, where it has one."""
        tokenizer = self._tokenizer
        begin = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        text = spell(self._characters, context)
        ids = [] if begin is None else [int(begin)]
        ids += tokenizer(text, add_special_tokens=False)["input_ids"]
        if not ids:
            raise ConfigurationError(
                f"expected a tokenizer that gives tokens for {text!r}, got none from {self.name}; choose "
                "another model"
            )
        return ids


def folder_digest(folder: Path) -> str:
    """SHA-256 of every file in a folder and of their names: what a model is known by.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    whole = sha256()
    try:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            with path.open("rb") as file:
                content = sha256()
                while block := file.read(2**20):
                    content.update(block)
            whole.update(f"{path.name} {content.hexdigest()}\n".encode())
    except OSError as error:
        raise ConfigurationError(f"cannot read the model in {folder}: {error.strerror}") from None
    return whole.hexdigest()


def _loaded(folder: Path) -> tuple[Any, Any]:
    """Model, in float64 and frozen, and tokenizer."""
    if not (folder / "config.json").is_file():
        raise ConfigurationError(
            f"expected a trunk as gpt or a folder with a Hugging Face model, got {str(folder)!r} without a "
            "config.json; save_pretrained of model and tokenizer makes one"
        )
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise ConfigurationError(
            "expected transformers for a trunk from a folder, found none; pip install transformers"
        ) from None
    only = {"local_files_only": True, "trust_remote_code": False}
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **only)
        tokenizer = AutoTokenizer.from_pretrained(folder, **only)
    except Exception as error:  # transformers raises a dozen kinds on strange folders
        reason = str(error).strip().partition("\n")[0][:200]
        raise ConfigurationError(
            f"cannot read a causal model with its tokenizer from {folder}: {reason}"
        ) from None
    frozen: Any = model.double().train(False).requires_grad_(False)
    return frozen, tokenizer


def _padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, (B, longest): nothing behind the last token of a row is seen."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask
