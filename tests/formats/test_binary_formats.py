"""Binary ECGs: SCP-ECG, ISHNE Holter and AliveCor ATC."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import open_recording, read_recording
from wearecg.formats.scp import standard_table

RNG = np.random.default_rng(6)
WAVE = np.round(300 * np.sin(np.arange(1000) / 9) + RNG.normal(0, 5, 1000)).astype(np.int64)
OTHER = np.round(200 * np.cos(np.arange(1000) / 13)).astype(np.int64)


def section(number: int, body: bytes) -> bytes:
    return struct.pack("<HHIBB6x", 0, number, 16 + len(body), 20, 20) + body


def scp(bodies: dict[int, bytes]) -> bytes:
    """Write sections behind the one of pointers."""
    sections = {number: section(number, body) for number, body in bodies.items()}
    at = 6 + 16 + 10 * (1 + len(sections))
    pointers = struct.pack("<HII", 0, at - 6, 7)
    for number, whole in sections.items():
        pointers += struct.pack("<HII", number, len(whole), at + 1)
        at += len(whole)
    first = struct.pack("<HHIBB6s", 0, 0, at - 6, 20, 20, b"SCPECG") + pointers
    first = first[:4] + struct.pack("<I", 16 + len(pointers)) + first[8:]
    body = first + b"".join(sections.values())
    return struct.pack("<HI", 0, 6 + len(body)) + body


def leads(count: int, length: int, flags: int = 4) -> bytes:
    codes = (1, 2, 61)
    return bytes([count, flags]) + b"".join(struct.pack("<IIB", 1, length, codes[k]) for k in range(count))


def differences(x: np.ndarray, order: int) -> np.ndarray:
    if order == 0:
        return x
    if order == 1:
        return np.concatenate([x[:1], np.diff(x)])
    return np.concatenate([x[:2], np.diff(x, 2)])


def huffman(values: Sequence[int]) -> bytes:
    by_value = {code.value: (bits, size) for (size, bits), code in standard_table().items() if not code.bits}
    text = ""
    for value in map(int, values):
        if value in by_value:
            bits, size = by_value[value]
            text += f"{bits:0{size}b}"
        elif -128 <= value < 128:
            text += f"1111111110{value & 0xFF:08b}"
        else:
            text += f"1111111111{value & 0xFFFF:016b}"
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def rhythm(
    series: Sequence[np.ndarray], order: int = 0, interval: int = 2000, coded: bool = False, flag: int = 0
) -> bytes:
    packed = [
        huffman(differences(x, order)) if coded else differences(x, order).astype("<i2").tobytes()
        for x in series
    ]
    sizes = struct.pack(f"<{len(packed)}H", *map(len, packed))
    return struct.pack("<HHBB", 2500, interval, order, flag) + sizes + b"".join(packed)


def save(folder: Path, data: bytes, name: str = "r.scp") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_scp_as_it_is_and_coded(tmp_path: Path, order: int, coded: bool) -> None:
    bodies = {3: leads(2, 1000), 6: rhythm([WAVE, OTHER], order, coded=coded)}
    if coded:
        bodies[2] = struct.pack("<H", 19999)
    got = read_recording(save(tmp_path, scp(bodies)))
    assert (got.fs, got.leads, got.lsb) == (500, ("I", "II"), (0.0025, 0.0025))
    np.testing.assert_allclose(got.samples[:, 0], WAVE * 0.0025, atol=1e-6)
    np.testing.assert_allclose(got.samples[:, 1], OTHER * 0.0025, atol=1e-6)


def test_scp_tables_of_its_own_and_a_switch_between_them(tmp_path: Path) -> None:
    # Table 1: 0 -> 0, 10 -> 1, 11 -> go to table 2. Table 2: 0 -> value of 8 bits, 1 -> go to table 1.
    one = struct.pack("<H", 3) + b"".join(
        struct.pack("<BBBhI", *row) for row in ((1, 1, 1, 0, 0), (2, 2, 1, 1, 1), (2, 2, 0, 2, 3))
    )
    two = struct.pack("<H", 2) + b"".join(
        struct.pack("<BBBhI", *row) for row in ((1, 9, 1, 0, 0), (1, 1, 0, 1, 1))
    )
    values = [0, 1, 1, 0, -100, 77, 0]
    text = "0" + "10" + "10" + "0" + "11" + f"0{-100 & 255:08b}" + f"0{77:08b}" + "1" + "0"
    text += "0" * (-len(text) % 8)
    packed = int(text, 2).to_bytes(len(text) // 8, "big")
    body = struct.pack("<HHBBH", 1000, 2000, 0, 0, len(packed)) + packed
    bodies = {2: struct.pack("<H", 2) + one + two, 3: leads(1, 7), 6: body}
    got = read_recording(save(tmp_path, scp(bodies)))
    np.testing.assert_allclose(got.samples[:, 0], np.array(values) * 0.001, atol=1e-7)


def test_scp_reference_beats_are_added_again(tmp_path: Path) -> None:
    beat = np.round(400 * np.exp(-((np.arange(100) - 40) ** 2) / 40)).astype(np.int64)
    middle, places = 41, (100, 400, 950)
    full = WAVE.copy()
    regions = b""
    residual = full.copy()
    for fiducial in places:
        start, end = fiducial - 30, min(1000, fiducial + 40)
        residual[start - 1 : end] -= beat[start - fiducial + middle - 1 : end - fiducial + middle]
        regions += struct.pack("<HIII", 0, start, fiducial, end)
    regions += struct.pack("<HIII", 1, 1, 20, 40)  # of another kind
    bodies = {
        3: leads(1, 1000, flags=5),
        4: struct.pack("<HHH", 200, middle, 4) + regions,
        5: rhythm([beat]),
        6: rhythm([residual]),
    }
    got = read_recording(save(tmp_path, scp(bodies)))
    np.testing.assert_allclose(got.samples[:, 0], full * 0.0025, atol=1e-6)


@pytest.mark.parametrize(
    ("interval", "fs"), [(1667, 600), (2000, 500), (1953, 512), (7813, 128), (1538, 650), (1999, 1e6 / 1999)]
)
def test_scp_rates_are_whole_where_the_interval_was_rounded(tmp_path: Path, interval: int, fs: float) -> None:
    got = read_recording(save(tmp_path, scp({3: leads(1, 1000), 6: rhythm([WAVE], interval=interval)})))
    assert got.fs == pytest.approx(fs, abs=1e-9 if fs == int(fs) else 0.3)


def test_scp_says_when(tmp_path: Path) -> None:
    tags = struct.pack("<BHHBB", 25, 4, 2026, 12, 1) + struct.pack("<BHBBB", 26, 3, 10, 30, 0)
    bodies = {3: leads(1, 1000), 6: rhythm([WAVE])}
    for zone, epoch in ((b"", 1796121000.0), (struct.pack("<BHhH1s", 34, 5, 60, 0, b""), 1796117400.0)):
        path = save(tmp_path, scp({1: tags + zone + b"\xff\0\0", **bodies}))
        assert read_recording(path).epoch == epoch


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        ({3: leads(1, 1000)}, "holds no rhythm: it has no section 6"),
        ({6: rhythm([WAVE])}, "holds no rhythm: it has no section 3"),
        ({3: leads(1, 1000), 6: rhythm([WAVE[:900]])}, "has 900 samples of 1000"),
        ({3: leads(1, 1000, flags=5), 6: rhythm([WAVE])}, "section 4 or 5 is not there"),
        ({3: leads(1, 1000), 5: rhythm([WAVE], interval=2000), 6: rhythm([WAVE], interval=8000, flag=1)}, "bimodal"),
        ({3: leads(1, 1000), 6: rhythm([WAVE], interval=0)}, "an interval of 0"),
        ({3: leads(1, 0), 6: rhythm([WAVE])}, "have no samples"),
        ({3: leads(1, 1000), 6: b"\1"}, "damaged or cut short"),
        ({2: b"\0\0", 3: leads(1, 1000), 6: rhythm([WAVE], coded=True)}, "has no Huffman table"),
    ],
)  # fmt: skip
def test_scp_that_cannot_be_read(tmp_path: Path, bodies: dict[int, bytes], words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(save(tmp_path, scp(bodies)))


def ishne(
    series: Sequence[np.ndarray],
    codes: Sequence[int],
    *,
    said: int | None = None,
    step: int = 2500,
    extra: bytes = b"notes",
) -> bytes:
    pad = 12 - len(codes)
    fields = struct.pack(
        "<iiiih40s40s20shh3h3h3h3hh", len(extra), len(series[0]) if said is None else said, 522, 522 + len(extra), 1,
        b"", b"", b"", 0, 0, 0, 0, 0, 1, 12, 2026, 1, 12, 2026, 10, 30, 0, len(codes),
    )  # fmt: skip
    fields += struct.pack("<12h", *codes, *[-9] * pad) + struct.pack("<12h", *[-9] * 12)
    fields += struct.pack("<12h", *[step] * len(codes), *[-9] * pad)
    fields += struct.pack("<h40sh80s80s88s", 0, b"digital", 250, b"", b"", b"") + extra
    samples = np.column_stack(series).astype("<i2").tobytes()
    return b"ISHNE1.0" + struct.pack("<H", crc_hqx(fields, 0xFFFF)) + fields + samples


def test_ishne_piece_by_piece(tmp_path: Path) -> None:
    gone = WAVE.copy()
    gone[100:110] = -32768
    path = save(tmp_path, ishne([gone, OTHER], (6, 1)), "r.ecg")
    got = read_recording(path)
    assert (got.fs, got.leads, got.lsb, got.epoch, got.remarks) == (
        250, ("II", "ECG"), (0.0025, 0.0025), 1796121000.0, (),
    )  # fmt: skip
    np.testing.assert_allclose(got.samples[:, 1], OTHER * 0.0025, atol=1e-6)
    assert np.flatnonzero(np.isnan(got.samples[:, 0])).tolist() == list(range(100, 110))
    np.testing.assert_array_equal(open_recording(path).read(90, 203), got.samples[90:203])


@pytest.mark.parametrize(("said", "told"), [(1000, False), (2000, False), (1250, True), (3000, True)])
def test_ishne_lengths_are_of_a_lead_or_of_all(tmp_path: Path, said: int, told: bool) -> None:
    got = read_recording(save(tmp_path, ishne([WAVE, OTHER], (6, 11), said=said), "r.ecg"))
    assert len(got) == (1000 if said != 1250 else 625)
    assert bool(got.remarks) == (said == 3000)


def test_ishne_damage_is_told(tmp_path: Path) -> None:
    data = bytearray(ishne([WAVE], (6,)))
    data[40] ^= 1
    assert "checksum of its header" in read_recording(save(tmp_path, bytes(data), "r.ecg")).remarks[0]
    for cut, words in ((bytes(data[:300]), "its header is cut short"), (ishne([WAVE], ()), "has 0 leads")):
        with pytest.raises(wearecg.WearECGError, match=words):
            read_recording(save(tmp_path, cut, "r.ecg"))
    assert read_recording(save(tmp_path, ishne([WAVE], (6,), step=0), "r.ecg")).uncalibrated == ("II",)


def atc(blocks: Sequence[tuple[bytes, bytes]]) -> bytes:
    data = b"ALIVE\0\0\0" + struct.pack("<I", 4)
    for name, body in blocks:
        block = name + struct.pack("<I", len(body)) + body
        data += block + struct.pack("<I", sum(block))
    return data


INFO = (b"info", b"2026-12-01T11:30:00.250+01:00".ljust(32, b"\0") + bytes(232))
FORMAT = (b"fmt ", struct.pack("<BHHBH", 1, 300, 500, 14, 0))


def test_atc_of_one_and_of_six_leads(tmp_path: Path) -> None:
    counts = WAVE.astype("<i2").tobytes()
    got = read_recording(
        save(tmp_path, atc([INFO, FORMAT, (b"ecg ", counts), (b"avg ", counts[:100])]), "r.atc")
    )
    assert (got.fs, got.leads, got.lsb, got.epoch, got.derived) == (300, ("I",), (0.0005,), 1796121000.25, ())
    np.testing.assert_allclose(got.samples[:, 0], WAVE * 0.0005, atol=1e-6)
    six = [(b"ecg ", counts), *((b"ecg%d" % k, counts) for k in range(2, 7))]
    got = read_recording(save(tmp_path, atc([FORMAT, *six]), "r.atc"))
    assert (got.leads, got.derived) == (("I", "II", "III", "aVR", "aVL", "aVF"), ("III", "aVR", "aVL", "aVF"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (atc([INFO, FORMAT]), "holds no ECG"),
        (atc([INFO, (b"ecg ", bytes(200))]), "no block that tells its format"),
        (atc([(b"fmt ", struct.pack("<BHHBH", 2, 300, 500, 0, 0))]), "format 2 at 300 Hz"),
        (atc([FORMAT, (b"ecg ", bytes(200))])[:-3] + b"abc", "checksum of its block 'ecg' does not fit"),
    ],
)
def test_atc_that_cannot_be_read(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(save(tmp_path, data, "r.atc"))


def test_atc_that_was_cut_short(tmp_path: Path) -> None:
    data = atc([FORMAT, (b"ecg ", WAVE.astype("<i2").tobytes())])[:-404]
    got = read_recording(save(tmp_path, data, "r.atc"))
    assert (len(got), got.remarks) == (800, ("r.atc was cut short in its block 'ecg'",))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "r.scp",
            scp({2: struct.pack("<H", 19999), 3: leads(2, 1000), 6: rhythm([WAVE, OTHER], 2, coded=True)}),
        ),
        ("r.ecg", ishne([WAVE, OTHER], (6, 1))),
        ("r.atc", atc([INFO, FORMAT, (b"ecg ", WAVE.astype("<i2").tobytes())])),
    ],
)
def test_damage_ends_in_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(data[: rng.integers(1, len(data))] if rng.random() < 0.3 else data)
        for at in rng.integers(0, min(len(damaged), 700), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        with suppress(wearecg.WearECGError):
            read_recording(save(tmp_path, bytes(damaged), name))
