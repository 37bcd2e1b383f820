"""Who may open the live page: the machine itself, or who has the token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

LOCAL = ("localhost", "127.0.0.1", "::1")
ANYWHERE = ("0.0.0.0", "::")
"""Where a server listens at every address of the machine."""
TOKEN_BYTES = 18
DEFAULT_PORT = 8080


def address(place: str) -> tuple[str, int]:
    """Read ``HOST:PORT``, ``PORT``, ``HOST`` or nothing; the loopback address unless a host is given.

    Raises
    ------
    ValueError
        It is none of these.

    Examples
    --------
    >>> address(""), address("0.0.0.0:80"), address("[::1]")
    (('127.0.0.1', 8080), ('0.0.0.0', 80), ('::1', 8080))
    """
    if place.isdecimal():
        place = f":{place}"
    try:
        parts = urlsplit(f"//{place}")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{place!r} is no HOST:PORT") from error
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{place!r} is no HOST:PORT")
    return parts.hostname or LOCAL[1], DEFAULT_PORT if port is None else port


def is_local(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == LOCAL[0] or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_address() -> str:
    """Return the address by which others in the network reach this machine; its name where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a way out
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


class Guard:
    """Says whether a request may be answered and a browser may see the stream.

    On the loopback address the ``Host`` has to be this machine, so that no page from elsewhere reaches the stream under
    a name of its own. Anywhere else a token is asked for, which the page's link carries behind ``#``, where it is
    neither sent with requests nor logged.

    Parameters
    ----------
    host : str
        To which the server is bound.
    """

    def __init__(self, host: str) -> None:
        self.token = "" if is_local(host) else secrets.token_urlsafe(TOKEN_BYTES)
        """Empty where none is needed."""
        self._names = {*LOCAL, host.lower()}
        if self.token:
            name = socket.gethostname().lower()
            self._names |= {name, f"{name}.local"}

    def known_host(self, host: str | None) -> bool:
        """Whether the ``Host`` of a request is a name of this machine: one of its own, or, with a token, an address."""
        try:
            name = urlsplit(f"//{host or ''}").hostname or ""
        except ValueError:
            return False
        if name.rstrip(".") in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return bool(self.token)

    def same_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a request for the stream comes from our own page, or from a program, which has no ``Origin``."""
        return origin is None or origin == f"http://{host}" or origin == f"https://{host}"

    def admits(self, token: object) -> bool:
        """Whether this is the token; takes as long for every wrong one of its length."""
        if not self.token:
            return True
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self.token.encode())
