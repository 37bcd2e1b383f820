"""Write the golden vectors: ``python -m firmware_bridge.make_vectors``.

An existing vector must not change: firmware in the field was tested against it.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cobs import cobs

from firmware_bridge.codec import MAX_WIRE, encode_body, encode_frame
from firmware_bridge.messages import (
    Ack,
    Data,
    Event,
    Hello,
    HelloRequest,
    Kind,
    Lead,
    Message,
    Packing,
    Start,
    Status,
    Stop,
    Stream,
    StreamStatus,
    Unit,
    pack_samples,
)

FOLDER = Path(__file__).parent / "vectors"
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def _data(rows: list[list[int]], packing: Packing, **more: Any) -> Data:
    counts = np.array(rows)
    defaults: dict[str, Any] = {"stream": 0, "t_us": 1_000_000, "lead_off_known": 0, "valid": 0xFFFFFFFF}
    shape = {"n": counts.shape[0], "leads": counts.shape[1]}
    return Data(packing=packing, payload=pack_samples(counts, packing), **(defaults | shape | more))


def messages() -> dict[str, Message]:
    """Return every golden message by name."""
    one = Stream(id=0, rate_num=250, leads=(Lead(name="II", lsb=0.0009765625, adc_bits=16, gain=6.0),))
    twelve = tuple(Lead(name=name, lsb=2**-12, adc_bits=24, gain=6.0) for name in TWELVE)
    ppg = (Lead(name="PPG", lsb=1.0, unit=Unit.ARBITRARY, adc_bits=19),)
    wave = [[round(900 * np.exp(-(((i - 20) / 3) ** 2))) - 40, 5 * i - 100] for i in range(40)]
    return {
        "hello_req": HelloRequest(seq=1),
        "start_all": Start(seq=2),
        "start_stream_0": Start(seq=3, streams=1),
        "stop": Stop(seq=4),
        "hello_one_lead": Hello(
            seq=0, t_us=2_500_000, streams=(one,), name="demo", firmware="1.2", serial="A7"
        ),
        "hello_three_streams": Hello(
            seq=65535,
            t_us=2**40,
            flags=1,
            streams=(
                Stream(id=0, rate_num=500, leads=twelve),
                Stream(id=1, rate_num=3276, rate_den=25, leads=ppg, kind=Kind.PPG),
                Stream(
                    id=31,
                    rate_num=1,
                    rate_den=2,
                    leads=(Lead(name="RESP", lsb=0.5, unit=Unit.ARBITRARY),),
                    kind=Kind.RESP,
                ),
            ),
            name="zwölf",
        ),
        "ack_start": Ack(seq=1, command=0x02, command_seq=2),
        "ack_not_supported": Ack(seq=2, command=0x7F, command_seq=9, status=1),
        "status_idle": Status(seq=3, t_us=3_000_000),
        "status_drops": Status(
            seq=4,
            t_us=8_000_000,
            flags=3,
            battery=87,
            streams=(
                StreamStatus(stream=0, dropped_frames=2, dropped_samples=20),
                StreamStatus(stream=1, overruns=1),
            ),
        ),
        "event_button": Event(seq=5, t_us=8_123_456, number=1),
        "event_log": Event(seq=6, t_us=8_200_000, number=2, text="ADC reset"),
        "data_int16": _data([[1, -1], [256, -32768], [0, 32767]], Packing.INT16, seq=7),
        "data_int16_lead_off": _data(
            [[100], [101]], Packing.INT16, seq=8, lead_off=1, lead_off_known=1, valid=0xFFFFFFFE
        ),
        "data_int24": _data([[1, -1], [8388607, -8388608]], Packing.INT24, seq=65535, t_us=2**63),
        "data_delta": _data([[1000, -5], [1003, -5], [1001, -7], [990, -6]], Packing.DELTA, seq=0),
        "data_delta_constant": _data([[7]] * 18, Packing.DELTA, seq=1),
        "data_delta_wrap": _data([[8388607], [-8388608], [8388607]], Packing.DELTA, seq=2),
        "data_delta_rising": _data([[7 * i] for i in range(6)], Packing.DELTA, seq=5),
        "data_delta_two_blocks": _data(wave, Packing.DELTA, seq=3),
        "data_one_sample": _data([[-123456]], Packing.DELTA, seq=4, stream=31),
        "data_extended": _data([[1], [2]], Packing.INT16, seq=9, extra=b"\x01\x02\x03"),
        "data_largest": _data(
            [[(i * 31 + j * 7919) % 65536 - 32768 for j in range(12)] for i in range(27)], Packing.INT24
        ),
        "data_long_cobs_run": _data(
            [[0x0101 * (1 + i % 100)] for i in range(255)], Packing.INT16, seq=0x0101
        ),
    }


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Flatten a message to ``streams.0.leads.1.name: value``; samples as a list, row by row."""
    if is_dataclass(value):
        out: dict[str, Any] = {}
        for field in fields(value):
            if field.name != "payload":
                out |= flat(getattr(value, field.name), f"{key}.{field.name}".lstrip("."))
        if isinstance(value, Data):
            out["samples"] = value.samples().reshape(-1).tolist()
        return out
    if isinstance(value, tuple):
        out = {f"{key}.count": len(value)}
        for i, item in enumerate(value):
            out |= flat(item, f"{key}.{i}")
        return out
    return {key: value.hex() if isinstance(value, bytes) else value}


def _crc(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def malformed(good: dict[str, Message]) -> list[dict[str, str]]:
    """Return wire bytes that must not give a message: ``bad`` and ``unknown`` ones."""
    hello = encode_body(good["hello_one_lead"])[:-4]
    data = encode_body(good["data_int16"])[:-4]
    delta = encode_body(good["data_delta"])[:-4]
    status = encode_body(good["status_drops"])[:-4]
    wire = encode_frame(good["data_int16"])

    def patch(body: bytes, at: int, value: int) -> bytes:
        return _crc(body[:at] + bytes([value]) + body[at + 1 :])

    bodies = {
        "empty_body": b"",
        "shorter_than_header": _crc(b"\x01\x01\x00"),
        "crc_wrong": encode_body(good["start_all"])[:-1] + b"\x00",
        "start_without_bitmap": _crc(encode_body(good["hello_req"])[:1] + b"\x02\x00\x00"),
        "data_no_leads": patch(data, 6, 0),
        "data_33_leads": patch(data, 6, 33),
        "data_no_samples": patch(data, 7, 0),
        "data_more_samples_than_payload": patch(data, 7, 4),
        "data_header_cut": _crc(data[:20]),
        "delta_field_of_25_bits": patch(delta, 34, 25),
        "delta_cut": _crc(delta[:-1]),
        "hello_more_streams_than_bytes": patch(hello, 5, 2),
        "hello_text_too_long": patch(hello, 14, 255),
        "hello_text_not_utf8": patch(hello, 15, 0xFF),
        "hello_stream_too_small": patch(hello, 26, 12),
        "hello_stream_id_32": patch(hello, 27, 32),
        "hello_lead_too_small": patch(hello, 30, 17),
        "hello_rate_zero": patch(hello, 31, 0),
        "hello_lead_without_name": patch(hello, 39, 0),
        "hello_lsb_zero": _crc(hello[:49] + bytes(4) + hello[53:]),
        "hello_lsb_nan": _crc(hello[:49] + b"\x00\x00\xc0\x7f" + hello[53:]),
        "status_more_streams_than_bytes": patch(status, 14, 3),
        "status_entry_too_small": patch(status, 15, 12),
        "event_text_cut": _crc(encode_body(good["event_log"])[:-5]),
        "body_of_1025": _crc(data + bytes([1]) * (1021 - len(data))),
    }
    unknown = {
        "version_2": patch(data, 0, 2),
        "type_0x7e": patch(data, 1, 0x7E),
        "packing_9": patch(data, 5, 9),
    }
    entries = [("bad", name, cobs.encode(body) + b"\0") for name, body in bodies.items()]
    entries += [
        ("bad", "one_byte_missing", wire[:9] + wire[10:]),
        ("bad", "one_bit_flipped", wire[:9] + bytes([wire[9] ^ 4]) + wire[10:]),
        ("bad", "cobs_code_past_the_end", b"\x09\x01\x02\x00"),
        ("bad", "two_frames_without_delimiter", wire[:-1] + wire),
        ("bad", "no_delimiter_for_long", b"\x01" * (MAX_WIRE + 1) + b"\x00"),
    ]
    entries += [("unknown", name, cobs.encode(body) + b"\0") for name, body in unknown.items()]
    return [{"name": name, "expect": expect, "wire": wire.hex()} for expect, name, wire in entries]


def streams(good: dict[str, Message]) -> list[dict[str, Any]]:
    """Return damaged byte streams, with the frames that are found and the number counted as bad."""
    a, b, c = (encode_frame(good[name]) for name in ("data_int16", "data_delta", "status_drops"))
    names = {a: "data_int16", b: "data_delta", c: "status_drops"}
    cases = {
        "clean": (a + b + c, [a, b, c], 0),
        "extra_delimiters": (b"\0\0" + a + b"\0" + b, [a, b], 0),
        "starts_inside_a_frame": (a[5:] + b, [b], 1),
        "garbage_between": (a + b"\x11\x22garbage\x00" + b, [a, b], 1),
        "first_cut_by_reset": (a[:10] + b"\0" + b + c, [b, c], 1),
        "delimiter_lost": (a[:-1] + b + c, [c], 1),
        "ends_inside_a_frame": (a + b[:-3], [a], 0),
        "silence_then_flood": (b"\xff" * 5000 + b"\0" + a, [a], 1),
    }
    return [
        {"name": name, "wire": wire.hex(), "frames": [names[frame] for frame in frames], "bad": bad}
        for name, (wire, frames, bad) in cases.items()
    ]


def build() -> dict[str, list[dict[str, Any]]]:
    """Return the contents of every vector file by file name."""
    good = messages()
    frames = [
        {
            "name": name,
            "type": message.code,
            "fields": flat(message),
            "body": encode_body(message).hex(),
            "wire": encode_frame(message).hex(),
        }
        for name, message in good.items()
    ]
    return {"frames.json": frames, "malformed.json": malformed(good), "streams.json": streams(good)}


def text(entries: list[dict[str, Any]]) -> str:
    """Return JSON with one entry per line, for small parsers and readable diffs."""
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


if __name__ == "__main__":
    for file, entries in build().items():
        (FOLDER / file).write_text(text(entries), encoding="utf-8")
