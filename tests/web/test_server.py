"""The server over real sockets."""

import http.client
import json
import socket
import time
from contextlib import contextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from wearecg.web import server as module
from wearecg.web.server import LiveServer


@pytest.fixture
def marks():
    return []


@pytest.fixture
def local(marks):
    server = LiveServer("127.0.0.1", 0, lambda words, at: marks.append((words, at)))
    yield server
    server.close()


@pytest.fixture
def open_to_others():
    server = LiveServer("0.0.0.0", 0, lambda words, at: None)
    yield server
    server.close()


def get(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(
        "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


@contextmanager
def live(server, token="", origin=None):
    """Open the stream as a browser does."""
    with connect(f"ws://127.0.0.1:{server.port}/live", origin=origin, open_timeout=10) as browser:
        browser.send(json.dumps({"token": token}))
        yield browser


def told(browser):
    """Return the next message but those on the span."""
    while '"span"' in str(message := browser.recv(timeout=10)):
        pass
    return message


def closes(browser):
    """Wait for the end of a connection; raises TimeoutError if it does not come."""
    with suppress(ConnectionClosed):
        while True:
            browser.recv(timeout=10)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_serves_the_page_and_lets_it_load_nothing_from_elsewhere(local):
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        status, headers, body = get(local, path)
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert b"http://" not in body
        assert b"https://" not in body


@pytest.mark.parametrize("path", ["/x", "/../pyproject.toml", "/page/index.html", "//", "/live/x"])
def test_serves_nothing_else(local, path):
    assert get(local, path)[0] == 404


def test_a_name_that_is_not_ours_is_refused(local):
    assert get(local, "/", Host="elsewhere.example")[0] == 421


def test_another_page_gets_no_stream_and_no_history(local):
    with pytest.raises(InvalidStatus, match="403"), live(local, origin="http://elsewhere.example"):
        pass
    assert get(local, "/history?start=0&end=1", Origin="http://elsewhere.example")[0] == 403


def test_messages_reach_every_browser_and_those_that_come_later(local):
    with live(local) as first:
        local.post(lambda hub: hub.hold(("rate",), "60"))
        assert told(first) == "60"
        with live(local) as second:
            assert told(second) == "60"
            local.post(lambda hub: hub.tell(b"samples", (0.0, 1.0)))
            assert told(first) == told(second) == b"samples"


def test_marks_come_with_their_time(local, marks):
    with live(local) as browser:
        browser.send(json.dumps({"mark": "dizzy", "time": 12.5}))
        browser.send(json.dumps({"mark": "", "time": None}))
        until(lambda: len(marks) == 2)
    assert marks == [("dizzy", 12.5), ("", None)]


@pytest.mark.parametrize("message", ["[]", "{", "7", '{"mark": 7}', "[" * 4000, b"\xff\x00"])
def test_what_is_no_mark_ends_the_connection_and_nothing_else(local, marks, message):
    with live(local) as browser, live(local) as other:
        browser.send(message)
        closes(browser)
        local.post(lambda hub: hub.tell("still there"))
        assert told(other) == "still there"
    assert not marks


def test_a_flood_of_marks_ends_the_connection(local, marks):
    with live(local) as browser:
        with suppress(ConnectionClosed):
            for _ in range(20):
                browser.send(json.dumps({"mark": "again"}))
        closes(browser)
    assert len(marks) <= 11


def test_a_message_that_is_too_long_ends_the_connection(local, marks):
    with live(local) as browser:
        browser.send(json.dumps({"mark": "x" * 5000}))
        closes(browser)
    assert not marks


def test_nothing_is_told_without_the_token(open_to_others, monkeypatch):
    monkeypatch.setattr(module, "WRONG_TOKEN_S", 0.1)
    open_to_others.post(lambda hub: hub.hold(("rate",), "60"))
    for wrong in ("", "wrong", open_to_others.guard.token[:-1]):
        with live(open_to_others, wrong) as browser, pytest.raises(ConnectionClosed, match="4401"):
            browser.recv(timeout=10)
        assert get(open_to_others, "/history?start=0&end=1", Authorization=f"Bearer {wrong}")[0] == 401
    with live(open_to_others, open_to_others.guard.token) as browser:
        assert told(browser) == "60"
    bearer = f"Bearer {open_to_others.guard.token}"
    assert get(open_to_others, "/history?start=0&end=1", Authorization=bearer)[0] == 200


def test_the_link_carries_the_token_where_no_request_does(open_to_others):
    address, _, token = open_to_others.url.partition("#")
    assert token == open_to_others.guard.token
    assert token not in address


@pytest.mark.parametrize(
    "query", ["", "?start=0", "?start=a&end=b", "?start=0&end=9999", "?start=nan&end=1", "?start=2&end=1"]
)
def test_history_is_asked_for_in_small_stretches(local, query):
    assert get(local, f"/history{query}")[0] == 400


def test_a_browser_that_takes_nothing_is_let_go_and_holds_nobody_up(local, monkeypatch):
    monkeypatch.setattr(module, "STALLED_S", 1.0)
    with live(local) as other:
        stalled = socket.create_connection(("127.0.0.1", local.port))
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(
            b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        stalled.sendall(b"\x81\x82\x00\x00\x00\x00{}")  # a hello
        until(lambda: len(local._hub.outboxes) == 2)
        began = time.monotonic()
        for number in range(400):
            local.post(lambda hub, number=number: hub.tell(bytes(20_000) + number.to_bytes(2, "big")))
            assert told(other)[-2:] == number.to_bytes(2, "big")
        assert time.monotonic() - began < 8.0
        until(lambda: len(local._hub.outboxes) == 1)
        stalled.close()


def test_two_servers_do_not_share_a_port(local):
    with pytest.raises(module.SinkError, match=r"web: cannot listen on 127.0.0.1"):
        LiveServer("127.0.0.1", local.port, lambda words, at: None)


def test_the_end_lets_every_browser_go(local):
    with live(local) as browser:
        until(lambda: local._hub.outboxes)
        local.close()
        closes(browser)
    local.close()
    local.post(lambda hub: hub.tell("nobody"))
