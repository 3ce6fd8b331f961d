"""A causal model of Hugging Face from a local folder: a tiny one that is made here; folders without one."""

from __future__ import annotations

import builtins
import shutil
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from trunk_models import save_model

from qgeo.errors import ConfigurationError
from qgeo.heads.born import BornHead
from qgeo.heads.trunk import Trunk
from qgeo.trunks.hugging_face import HuggingFaceTrunk, folder_digest

transformers = pytest.importorskip("transformers")

SIGNS = "ab c"
CONTEXTS = torch.tensor([[0, 1, 2], [3, 3, 3], [2, 2, 0], [1, 0, 3]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny", begin=True)


def ids_by_hand(context: list[int], begin: bool) -> list[int]:
    text = "".join(SIGNS[token] for token in context).replace("ab", "X")
    return ([5] if begin else []) + ["abc X".index(sign) for sign in text]


@pytest.mark.parametrize("begin", [True, False])
def test_features_are_the_last_hidden_state_of_the_last_token(begin, tmp_path):
    # Seen to fail: the last of the padded row instead; the token that begins a text left out.
    trunk = HuggingFaceTrunk(save_model(tmp_path / "tiny", begin=begin), SIGNS, 3)
    model = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "tiny").double()
    features = trunk.features(CONTEXTS)
    for context, found in zip(CONTEXTS.tolist(), features, strict=True):
        with torch.no_grad():
            hidden = model.transformer(torch.tensor([ids_by_hand(context, begin)])).last_hidden_state[0, -1]
        expected = (hidden - hidden.mean()) / (hidden.var(correction=0) + 1e-5).sqrt()
        assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_it_is_a_trunk_under_any_head(folder):
    trunk = HuggingFaceTrunk(folder, SIGNS, 3)
    assert isinstance(trunk, Trunk)
    assert (trunk.name, trunk.width) == ("tiny", 8)
    assert trunk.parameters == sum(p.numel() for p in trunk._model.parameters())
    head = BornHead(4, 3, layers=1, trunk=trunk)
    head(CONTEXTS).sum().backward()
    assert head.encoder.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in trunk._model.parameters())


def test_a_changed_file_has_another_digest(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert folder_digest(copy) == folder_digest(folder)
    (copy / "config.json").write_bytes((copy / "config.json").read_bytes() + b"\n")
    assert folder_digest(copy) != folder_digest(folder)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"as gpt or a folder with a Hugging Face model.*config\.json"
    ):
        HuggingFaceTrunk(tmp_path / "gtp", SIGNS, 3)


@pytest.mark.parametrize("damage", ["config", "weights", "pickle"])
def test_a_folder_that_cannot_be_read_is_refused(damage, folder, tmp_path):
    # Seen to fail: weights unpickled.
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    if damage == "config":
        (copy / "config.json").write_text("{}")
    else:
        weights = copy / "model.safetensors"
        state = transformers.GPT2LMHeadModel.from_pretrained(copy).state_dict()
        weights.unlink()
        if damage == "pickle":
            torch.save(state, copy / "pytorch_model.bin")
    with pytest.raises(ConfigurationError, match="cannot read a causal model with its tokenizer from"):
        HuggingFaceTrunk(copy, SIGNS, 3)


def test_without_transformers_it_says_what_to_install(folder, monkeypatch):
    real = builtins.__import__

    def without(name: str, *args, **kwargs):
        if name == "transformers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"found none; pip install transformers"):
        HuggingFaceTrunk(folder, SIGNS, 3)


def test_a_context_without_tokens_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="gives tokens for 'xxx', got none from tiny"):
        HuggingFaceTrunk(save_model(tmp_path / "tiny", begin=False), "x", 3).features(CONTEXTS[:1] * 0)
