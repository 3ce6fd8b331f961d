"""Models of Hugging Face, made here: a GPT-2 of one layer with a tokenizer of a few characters."""

from __future__ import annotations

from pathlib import Path

import torch


def save_model(folder: Path, *, begin: bool, signs: str = "abc ") -> Path:
    """Its tokens are the signs, the first two of them as one, and one that, maybe, begins a text."""
    import transformers
    from tokenizers import Tokenizer, models

    vocabulary = {sign: token for token, sign in enumerate((*signs, signs[:2], "<s>"))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[(signs[0], signs[1])]))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, **({"bos_token": "<s>"} if begin else {})
    )
    config = transformers.GPT2Config(
        vocab_size=len(vocabulary),
        n_positions=8,
        n_embd=8,
        n_layer=1,
        n_head=2,
        bos_token_id=len(vocabulary) - 1,
        eos_token_id=len(vocabulary) - 1,
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = transformers.GPT2LMHeadModel(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
