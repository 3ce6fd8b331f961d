"""Let a child process reach loopback addresses only: Python imports this file by itself from PYTHONPATH.

`LoopbackService.environment()` puts this folder on PYTHONPATH. Any other address, and any name that would
have to be looked up, raises PermissionError in the child before a packet leaves.
"""

import sys

ALLOWED = {"127.0.0.1", "::1", "localhost", "", None}


def is_loopback(address: object) -> bool:
    """Whether a socket address, (host, port, ...) or the path of a Unix socket, stays on this machine."""
    return not isinstance(address, tuple) or address[0] in ALLOWED


def refuse(event: str, arguments: tuple) -> None:
    """The audit hook: raise on a connection, or on a look-up of a name, that would leave this machine."""
    if event == "socket.connect" and not is_loopback(arguments[1]):
        raise PermissionError(f"expected loopback connections only, got {arguments[1]}")
    if event == "socket.getaddrinfo" and not is_loopback((arguments[0],)):
        raise PermissionError(f"expected loopback connections only, got a look-up of {arguments[0]}")


sys.addaudithook(refuse)
