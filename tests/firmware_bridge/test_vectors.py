"""The golden vectors, checked by a decoder that shares no code with ours, and the spec's examples."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

import firmware_bridge
from firmware_bridge import make_vectors
from firmware_bridge.codec import FrameDecoder, decode_body, encode_body, encode_frame

FOLDER = Path(firmware_bridge.__file__).parent
FRAMES = json.loads((FOLDER / "vectors/frames.json").read_text(encoding="utf-8"))
MALFORMED = json.loads((FOLDER / "vectors/malformed.json").read_text(encoding="utf-8"))
STREAMS = json.loads((FOLDER / "vectors/streams.json").read_text(encoding="utf-8"))


def uncobs(wire):
    assert wire[-1] == 0
    assert 0 not in wire[:-1]
    out, at = b"", 0
    while at < len(wire) - 1:
        code = wire[at]
        out += wire[at + 1 : at + code] + (b"\0" if code < 255 else b"")
        at += code
    return out[:-1] if wire[-2:] == b"\1\0" or code < 255 else out


def crc32(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def samples(packing, leads, n, raw):
    """Samples as PROTOCOL.md section 4 has them, bit by bit."""
    if packing in (1, 2):
        size = packing + 1
        return [int.from_bytes(raw[i * size :][:size], "little", signed=True) for i in range(n * leads)]
    rows = [[int.from_bytes(raw[3 * i :][:3], "little", signed=True) for i in range(leads)]]
    at = 3 * leads
    while len(rows) < n:
        bits, count = raw[at], min(16, n - len(rows))
        size = -(-count * leads * bits // 8)
        number = int.from_bytes(raw[at + 1 : at + 1 + size], "little")
        for _ in range(count):
            row = []
            for lead in range(leads):
                x = number & (1 << bits) - 1
                number >>= bits
                d = x - (1 << bits) if bits and x >> bits - 1 else x
                y = (rows[-1][lead] + d) & 0xFFFFFF
                row.append(y - 0x1000000 if y & 0x800000 else y)
            rows.append(row)
        at += 1 + size
    return [value for row in rows for value in row]


@pytest.mark.parametrize("vector", FRAMES, ids=lambda v: v["name"])
class TestFrames:
    def test_both_directions(self, vector):
        body, wire = bytes.fromhex(vector["body"]), bytes.fromhex(vector["wire"])
        message = decode_body(body)
        assert make_vectors.flat(message) == vector["fields"]
        assert encode_body(message) == body
        assert encode_frame(message) == wire
        assert FrameDecoder().feed(wire) == [message]

    def test_independent_reading(self, vector):
        body = uncobs(bytes.fromhex(vector["wire"]))
        assert body.hex() == vector["body"]
        fields = vector["fields"]
        version, kind, seq = struct.unpack_from("<BBH", body)
        assert (version, kind, seq) == (1, vector["type"], fields["seq"])
        assert struct.unpack("<I", body[-4:])[0] == crc32(body[:-4])
        if kind == 0x90:
            head = dict(
                zip(
                    ("stream", "packing", "leads", "n", "t_us", "lead_off", "lead_off_known", "valid"),
                    struct.unpack_from("<BBBBQIII", body, 4),
                    strict=True,
                )
            )
            assert head == {name: fields[name] for name in head}
            shape = (head["packing"], head["leads"], head["n"])
            assert samples(*shape, body[28:-4]) == fields["samples"]
        if kind == 0x81:
            at = 14
            for name in ("name", "firmware", "serial"):
                size = body[at]
                assert body[at + 1 : at + 1 + size].decode() == fields[name]
                at += 1 + size
            for i in range(body[5]):
                size, stream, what, leads, lead_size, num, den = struct.unpack_from("<BBBBBII", body, at)
                key = f"streams.{i}"
                got = (stream, what, leads, num, den)
                names = ("id", "kind", "leads.count", "rate_num", "rate_den")
                assert got == tuple(fields[f"{key}.{name}"] for name in names)
                at += size
                for j in range(leads):
                    name, unit, bits, lsb, gain = struct.unpack_from("<8sBBff", body, at)
                    got = (name.rstrip(b"\0").decode(), unit, bits, lsb, gain)
                    names = ("name", "unit", "adc_bits", "lsb", "gain")
                    assert got == tuple(fields[f"{key}.leads.{j}.{name}"] for name in names)
                    at += lead_size
            assert at == len(body) - 4


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda v: v["name"])
def test_malformed_is_counted_and_harmless(vector):
    decoder = FrameDecoder()
    wire = bytes.fromhex(vector["wire"])
    good = bytes.fromhex(FRAMES[0]["wire"])
    assert decoder.feed(wire) == []
    assert (decoder.bad_frames, decoder.unknown_frames) == ((1, 0) if vector["expect"] == "bad" else (0, 1))
    assert decoder.last_error
    assert len(decoder.feed(good)) == decoder.frames == 1


@pytest.mark.parametrize("vector", STREAMS, ids=lambda v: v["name"])
@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_streams(vector, chunk):
    decoder = FrameDecoder()
    wire = bytes.fromhex(vector["wire"])
    out = [m for at in range(0, len(wire), chunk) for m in decoder.feed(wire[at : at + chunk])]
    bodies = {frame["name"]: frame["body"] for frame in FRAMES}
    assert [encode_body(m).hex() for m in out] == [bodies[name] for name in vector["frames"]]
    assert decoder.bad_frames == vector["bad"]


def test_vectors_are_what_the_codec_makes():
    for name, entries in make_vectors.build().items():
        assert (FOLDER / "vectors" / name).read_text(encoding="utf-8") == make_vectors.text(entries), name


def test_examples_in_the_spec_are_the_vectors():
    spec = (FOLDER / "PROTOCOL.md").read_text(encoding="utf-8")
    found = re.findall(r"^    (\w+) (body|wire): ((?:[0-9a-f ]+\n)+)", spec, re.M)
    assert len(found) >= 10
    vectors = {frame["name"]: frame for frame in FRAMES}
    for name, which, text in found:
        assert re.sub(r"\s", "", text) == vectors[name][which], f"{name} {which}"


def test_crc_check_value():
    assert crc32(b"123456789") == 0xCBF43926
