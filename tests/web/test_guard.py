import pytest

from wearecg.errors import SinkError
from wearecg.sinks import open_sink
from wearecg.web.guard import Guard, address


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("", ("127.0.0.1", 8080)),
        ("9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("0.0.0.0", ("0.0.0.0", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("pi.local:80", ("pi.local", 80)),
    ],
)
def test_reads_an_address(place, expected):
    assert address(place) == expected


@pytest.mark.parametrize("place", ["simulate:af", "/dev/ttyUSB0", "a:b@c", "host:99999", "x?y", "[::1"])
def test_refuses_what_is_no_address(place):
    with pytest.raises(ValueError, match=r"is no HOST:PORT"):
        address(place)
    with pytest.raises(SinkError, match=r"web: "):
        open_sink(f"web:{place}".replace("?", "%"))


def test_needs_no_token_on_the_machine_itself():
    guard = Guard("127.0.0.1")
    assert not guard.token
    assert guard.admits(None)


def test_answers_on_the_machine_itself_only_to_its_own_names():
    guard = Guard("127.0.0.1")
    assert all(map(guard.known_host, ["localhost:8080", "127.0.0.1", "[::1]:8080"]))
    assert not any(
        map(guard.known_host, ["elsewhere.example:8080", "192.0.2.7", "", None, "[", "localhost.example"])
    )


def test_asks_for_a_token_anywhere_else():
    guard, other = Guard("0.0.0.0"), Guard("0.0.0.0")
    assert len(guard.token) >= 24
    assert guard.token != other.token
    assert guard.admits(guard.token)
    assert not any(map(guard.admits, ["", None, 7, other.token, guard.token[:-1], "é"]))
    assert guard.known_host("192.0.2.7:8080")
    assert not guard.known_host("elsewhere.example")


def test_gives_the_stream_to_no_other_page():
    guard = Guard("127.0.0.1")
    assert guard.same_origin(None, "localhost:8080")
    assert guard.same_origin("http://localhost:8080", "localhost:8080")
    assert not guard.same_origin("http://localhost:8081", "localhost:8080")
    assert not guard.same_origin("null", "localhost:8080")
