"""Serves the live page and its stream, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from wearecg.errors import SinkError
from wearecg.web.guard import ANYWHERE, Guard, own_address
from wearecg.web.hub import Hub
from wearecg.web.outbox import Outbox

MOST_BROWSERS = 128
STALLED_S = 20.0
"""A browser that takes nothing for so long is let go."""
HELLO_S = 10.0
"""A browser has to say who it is within this time."""
WRONG_TOKEN_S = 1.0
"""How long a wrong token is answered with silence."""
MARKS_A_SECOND, MARKS_AT_ONCE = 1.0, 10.0
LONGEST_MARK = 200
LONGEST_HISTORY_S = 120.0
MOST_WAITING = 512
"""Tasks that may wait for the server; whoever has more waits."""
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class LiveServer:
    """The server; it ends with `close`.

    Parameters
    ----------
    host, port
        Port 0 is any that is free.
    mark : callable
        Called, in the server's thread, with the text and the timeline seconds (None for now) of what a wearer marks.

    Raises
    ------
    SinkError
        It cannot listen there.
    """

    def __init__(self, host: str, port: int, mark: Callable[[str, float | None], None]) -> None:
        self.guard = Guard(host)
        self.host, self.port = host, port
        self._mark = mark
        self._hub = Hub()
        self._wakers: dict[Outbox, asyncio.Event] = {}
        self._free = threading.Semaphore(MOST_WAITING)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._failure: OSError | None = None
        listening = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listening,), name=f"web {host}:{port}", daemon=True
        )
        self._thread.start()
        listening.wait()
        if self._failure:
            raise SinkError(
                f"web: cannot listen on {host}:{port}: {self._failure.strerror or self._failure}"
            ) from self._failure

    @property
    def url(self) -> str:
        """Where the page is, with the token where one is needed."""
        host = own_address() if self.host in ANYWHERE else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/" + (f"#{self.guard.token}" if self.guard.token else "")

    def post(self, task: Callable[[Hub], None]) -> None:
        """Let ``task`` tell the browsers something; waits where the server does not keep up."""
        self._free.acquire()
        try:
            self._loop.call_soon_threadsafe(self._do, task)
        except RuntimeError:  # it has ended
            self._free.release()

    def close(self) -> None:
        """Let the browsers go and end; safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(5.0)

    def _do(self, task: Callable[[Hub], None]) -> None:
        self._free.release()
        task(self._hub)
        for waker in self._wakers.values():
            waker.set()

    def _run(self, listening: threading.Event) -> None:
        try:
            self._loop.run_until_complete(self._serve(listening))
        except OSError as error:
            self._failure = error
        finally:
            listening.set()
            self._loop.close()

    async def _serve(self, listening: threading.Event) -> None:
        async with serve(
            self._handle,
            self.host,
            self.port,
            process_request=self._answer,
            compression=None,
            max_size=4096,
            max_queue=4,
            open_timeout=HELLO_S,
            close_timeout=1.0,
            server_header=None,
        ) as server:
            self.port = _port(server)
            listening.set()
            await self._over.wait()

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        """Answer a request; None lets a browser have the stream."""
        headers = request.headers
        host = headers.get("Host")
        if not self.guard.known_host(host):
            return _response(HTTPStatus.MISDIRECTED_REQUEST, b"this machine has another name\n")
        parts = urlsplit(request.path)
        if parts.path in PAGE:
            name, kind = PAGE[parts.path]
            return _response(HTTPStatus.OK, files(__package__).joinpath("page", name).read_bytes(), kind)
        if parts.path not in ("/live", "/history"):
            return _response(HTTPStatus.NOT_FOUND, b"there is no such page\n")
        if not self.guard.same_origin(headers.get("Origin"), host):
            return _response(HTTPStatus.FORBIDDEN, b"not for another page\n")
        if parts.path == "/history":
            return self._history(headers, parts.query)
        if len(self._hub.outboxes) >= MOST_BROWSERS:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, b"too many browsers\n")
        return None

    def _history(self, headers: Headers, query: str) -> Response:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if self.guard.token and not (scheme == "Bearer" and self.guard.admits(token)):
            return _response(HTTPStatus.UNAUTHORIZED, b"the token of the link is needed\n")
        asked = parse_qs(query)
        try:
            start, end = (float(asked[name][0]) for name in ("start", "end"))
        except (KeyError, ValueError):
            return _response(HTTPStatus.BAD_REQUEST, b"start and end in seconds are needed\n")
        if not 0 <= end - start <= LONGEST_HISTORY_S:
            return _response(HTTPStatus.BAD_REQUEST, b"at most two minutes at once\n")
        return _response(HTTPStatus.OK, self._hub.stretch(start, end), "application/octet-stream")

    async def _handle(self, browser: ServerConnection) -> None:
        try:
            if not await self._admitted(browser):
                return
            outbox = self._hub.join()
            waker = self._wakers[outbox] = asyncio.Event()
            waker.set()
            sender = asyncio.create_task(self._send(browser, outbox, waker))
            try:
                await self._listen(browser)
            finally:
                sender.cancel()
                self._hub.outboxes.discard(outbox)
                del self._wakers[outbox]
        except ConnectionClosed:
            pass

    async def _admitted(self, browser: ServerConnection) -> bool:
        try:
            async with asyncio.timeout(HELLO_S):
                said = _object(await browser.recv())
        except TimeoutError:
            return False
        if self.guard.admits(said.get("token")):
            return True
        await asyncio.sleep(WRONG_TOKEN_S)
        await browser.close(4401, "the token of the link is needed")
        return False

    async def _send(self, browser: ServerConnection, outbox: Outbox, waker: asyncio.Event) -> None:
        try:
            while True:
                await waker.wait()
                waker.clear()
                while (message := outbox.take()) is not None:
                    async with asyncio.timeout(STALLED_S):
                        await browser.send(message)
                    if outbox.lost:
                        outbox.lost = False
                        outbox.put(json.dumps({"type": "skipped", "messages": outbox.skipped}))
                        self._hub.refresh(outbox)
        except (TimeoutError, ConnectionClosed):
            browser.transport.abort()

    async def _listen(self, browser: ServerConnection) -> None:
        """Take what a wearer marks, at a bounded rate."""
        left, before = MARKS_AT_ONCE, time.monotonic()
        async for message in browser:
            now = time.monotonic()
            left = min(left + (now - before) * MARKS_A_SECOND, MARKS_AT_ONCE) - 1
            before = now
            said = _object(message)
            text, at = said.get("mark"), said.get("time")
            if left < 0 or not isinstance(text, str):
                await browser.close(1008, "not understood, or too often")
                return
            moment = float(at) if isinstance(at, int | float) and math.isfinite(at) else None
            self._mark(text[:LONGEST_MARK], moment)


def _object(message: str | bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    try:
        read = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])


def _response(status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> Response:
    headers = Headers(SAFE)
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)
