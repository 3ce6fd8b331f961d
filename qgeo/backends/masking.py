"""Texts of the service without keys: an error may echo what was sent to it.

Three rules, because each of them misses something: the key and the instance of this account wherever they
stand, however short; whatever follows a word like Bearer or "token":; every run of 25 characters or more that
looks like one. The key is looked up where IBM's client has it, used for this, and kept nowhere. What the
client itself logs goes through the same rules.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

_LONGEST = 300
"""Characters of an error that are shown."""

_VARIABLES = ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE")
_SECRETS = ("token", "instance")
"""Keys of an account, as IBM's client saves it."""

_VALUE = r"""("[^"]*"|'[^']*'|[^\s"',;&)}\]]+)"""
_NAMED = re.compile(
    r"""\b((?:bearer|basic)\s+|(?:[\w-]*token|api[ _-]?key|secret|password|authorization)["']?\s*[:=]\s*"""
    r"""(?:(?:bearer|basic)\s+)?)""" + _VALUE,
    re.IGNORECASE,
)
_CLIENT = ("qiskit_ibm_runtime", "ibm-cloud-sdk-core", "ibm_cloud_sdk_core", "ibm_platform_services")
"""Packages whose loggers may show what the service echoes."""

_LONG = re.compile(r"[A-Za-z0-9_\-.+~=]{25,}")


def readable(error: BaseException) -> str:
    """An exception as one line without anything that could be a key."""
    line = " ".join(str(error).split()) or type(error).__name__
    return masked(line, account_secrets())[:_LONGEST]


def masked(line: str, secrets: Iterator[str] | tuple[str, ...] = ()) -> str:
    """A line with … in place of these secrets, and of whatever looks like one.

    >>> masked("key k-7 was refused", ("k-7",)), masked('got {"token": "abc"}'), masked("Bearer a.b")
    ('key … was refused', 'got {"token": …}', 'Bearer …')
    """
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):  # one may be part of another
        line = re.sub(re.escape(form), "…", line, flags=re.IGNORECASE)
    return _LONG.sub("…", _NAMED.sub(r"\1…", line))


def account_secrets() -> Iterator[str]:
    """Key and instance of the environment and of IBM's saved accounts."""
    yield from (os.environ.get(name, "") for name in _VARIABLES)
    with suppress(Exception), warnings.catch_warnings(action="ignore"):
        # without the package, or with accounts that the client cannot read, there is nothing to mask
        from qiskit_ibm_runtime import QiskitRuntimeService

        for account in QiskitRuntimeService.saved_accounts().values():
            yield from (str(account.get(name) or "") for name in _SECRETS)


def mask_logs_of_client() -> None:
    """Mask whatever the client's modules log, as far as they are imported."""
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.startswith(_CLIENT) and _MASK not in logger.filters:
            logger.addFilter(_MASK)


class _Mask(logging.Filter):
    """Changes records and drops none."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message and the text of its exception."""
        if getattr(self._thread, "is_looking_up", False):  # the client says that it reads the accounts for us
            return True
        self._thread.is_looking_up = True
        try:
            secrets = tuple(account_secrets())
        finally:
            self._thread.is_looking_up = False
        record.msg, record.args = masked(record.getMessage(), secrets), ()
        if record.exc_info:
            record.exc_text = masked(logging.Formatter().formatException(record.exc_info), secrets)
        return True


_MASK = _Mask()


def _forms(secret: str) -> tuple[str, ...]:
    """How a secret may stand in a text: as it is, in an address, in a literal of Python or JSON."""
    plain = " ".join(secret.split())
    literals = (repr(plain), ascii(plain), json.dumps(plain), json.dumps(plain, ensure_ascii=False))
    forms = (plain, quote(plain, safe=""), *(literal[1:-1] for literal in literals))
    return tuple(form for form in forms if form)
