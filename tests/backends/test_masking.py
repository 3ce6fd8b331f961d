"""Errors of the service are shown without the key, whatever it looks like and however it is echoed."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote

import pytest

from qgeo.backends.masking import mask_logs_of_client, readable

KEYS = ["k7", "correct horse", "a/b+c=", "ключ-π", 'q"u\\o', "planted-api-key-0123456789abcdef0123456789"]
ECHOES = [
    "401 Client Error: {} was refused",
    "got '{}'",
    "https://iam.example/token?apikey={}&grant=x",
    "no " * 97 + "{}",
    "{}",
    'the "{}" in a body',
]


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    """Neither in the environment nor saved."""
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    place = str(tmp_path / "accounts.json")
    monkeypatch.setattr("qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", place)


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("key", KEYS)
def test_the_key_of_the_environment_is_masked_however_short(monkeypatch, key, echo):
    # Seen to fail: runs of 25 letters alone (each key but the last); a text cut before it is masked.
    monkeypatch.setenv("QISKIT_IBM_TOKEN", key)
    for form in (key, quote(key, safe=""), json.dumps(key)[1:-1], key.upper()):
        said = readable(ValueError(echo.replace("{}", form)))
        assert form[:6].lower() not in said.lower()
        assert len(said) <= 300


def test_a_saved_key_and_the_instance_are_masked(monkeypatch, tmp_path):
    # Seen to fail: the environment looked at alone.
    saved = {"one": {"channel": "ibm_quantum_platform", "token": "s-9", "instance": "crn:v1:acct"}}
    (tmp_path / "accounts.json").write_text(json.dumps(saved))
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", "inst-4")
    said = readable(ValueError("s-9 for crn:v1:acct and inst-4 is not known"))
    assert said == "… for … and … is not known"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Bearer a.b", "Bearer …"),
        ("Authorization: Bearer a.b is old", "Authorization: Bearer … is old"),
        ("authorization=Basic YTpi, sorry", "authorization=Basic …, sorry"),
        ('{"token": "a b", "x": 1}', '{"token": …, "x": 1}'),
        ("{'api_key': 'k'}", "{'api_key': …}"),
        ("apikey=k&y=2", "apikey=…&y=2"),
        ("X-Auth-Token: z9", "X-Auth-Token: …"),
        ("access_token=q", "access_token=…"),
        ("0123456789abcdefghijklmnop", "…"),
        ("abc+def/0123456789+abcdefgh=ijklmnop==", "abc+def/…"),
    ],
)
def test_what_stands_where_keys_stand_is_masked(text, said):
    assert readable(ValueError(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        "the token has expired or was never given out",
        "Provided API key could not be found.",
        "circuit 3 has cx on (1, 2)",
        "429 Too Many Requests",
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert readable(ValueError(text)) == text


def test_an_error_without_a_text_has_its_kind():
    assert readable(TimeoutError()) == "TimeoutError"


# ---- what the client logs itself -------------------------------------------------------------------------


def test_what_the_client_logs_is_masked(monkeypatch, caplog):
    # Seen to fail: its warnings of a device that it cannot read, with the key that the service echoes.
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "k-7")
    logger = logging.getLogger("qiskit_ibm_runtime.made_for_this")
    mask_logs_of_client()
    mask_logs_of_client()
    assert len(logger.filters) == 1
    logger.addHandler(caplog.handler)  # whether the client's loggers propagate depends on its version
    monkeypatch.setattr(logger, "propagate", False)
    logger.warning("Unable to create configuration for %s. %s ", "ibm_x", ValueError("400: k-7 was refused"))
    try:
        raise ValueError("k-7 again")
    except ValueError:
        logger.exception("of %d", 7)
    assert caplog.messages == ["Unable to create configuration for ibm_x. 400: … was refused ", "of 7"]
    assert "k-7" not in caplog.text
    assert "… again" in caplog.text


def test_other_loggers_are_left_alone(caplog):
    logging.getLogger("qiskit.made_for_this").warning("token: abc")
    mask_logs_of_client()
    logging.getLogger("qiskit.made_for_this").warning("token: abc")
    assert caplog.messages == ["token: abc"] * 2
