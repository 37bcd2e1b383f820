"""Bytes as Polar's SDK documents them; compressed frames against an encoder of our own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wearecg.devices import polar_pmd as pmd


def test_commands():
    chosen = {pmd.RATE: (130,), pmd.RESOLUTION: (14,)}
    assert pmd.pack_command(pmd.GET_SETTINGS, pmd.ECG).hex() == "0100"
    assert pmd.pack_command(pmd.START, pmd.ECG, chosen).hex() == "02000001820001010e00"
    assert pmd.pack_command(pmd.STOP, pmd.ECG).hex() == "0300"
    acceleration = {pmd.RANGE: (8,), pmd.RATE: (200,), pmd.RESOLUTION: (16,)}
    # As an H10 was seen to be asked (Polar SDK issue 360).
    assert pmd.pack_command(pmd.START, pmd.ACC, acceleration).hex() == "0202020108000001c80001011000"


def test_settings_there_and_back():
    data = bytes.fromhex("00041900320064 00c800 01011000 0203020004000800".replace(" ", ""))
    settings = pmd.unpack_settings(data)
    assert settings == {pmd.RATE: (25, 50, 100, 200), pmd.RESOLUTION: (16,), pmd.RANGE: (2, 4, 8)}
    assert pmd.pack_settings(settings) == data
    assert pmd.factor(pmd.unpack_settings(bytes.fromhex("05010000803f"))) == 1.0
    assert pmd.factor(pmd.unpack_settings(bytes.fromhex("05010000003f"))) == 0.5
    assert pmd.factor({}) == 1.0


@pytest.mark.parametrize("data", ["00", "0001", "000182", "0901", "0002820001"])
def test_settings_that_are_none(data):
    with pytest.raises(ValueError):
        pmd.unpack_settings(bytes.fromhex(data))


def test_responses():
    answer = pmd.unpack_response(bytes.fromhex("f0010000000001820001010e00"))
    assert (answer.command, answer.kind, answer.status, answer.more) == (
        pmd.GET_SETTINGS,
        pmd.ECG,
        pmd.DONE,
        False,
    )
    assert pmd.unpack_settings(answer.parameters) == {pmd.RATE: (130,), pmd.RESOLUTION: (14,)}
    assert pmd.unpack_response(bytes.fromhex("f002000a")).status == pmd.NO_MTU
    with pytest.raises(ValueError):
        pmd.unpack_response(bytes.fromhex("0f0500"))


def test_ecg_frame_of_layout_0():
    # Time stamp 0x0000000077354994 00 ... little-endian nanoseconds; samples signed 24-bit microvolts.
    frame = pmd.unpack_frame(bytes.fromhex("00 00943577 00000000 00 0280ff 028000".replace(" ", "")))
    assert (frame.kind, frame.layout, frame.compressed) == (pmd.ECG, 0, False)
    assert frame.last == pytest.approx(2.0, abs=1e-9)
    assert pmd.unpack_integers(frame.payload, 3, 1).ravel().tolist() == [-32766, 32770]


def test_compressed_ppg_starts_with_whole_samples_and_adds_differences():
    payload = bytes.fromhex("2c2d00 c27700 d3d2ff 3d88ff".replace(" ", ""))
    # 10 bits, 1 sample: 178, -68, -178, 68, lowest bit first.
    steps = 178 | (-68 & 0x3FF) << 10 | (-178 & 0x3FF) << 20 | 68 << 30
    payload += bytes([10, 1]) + steps.to_bytes(5, "little")
    samples = pmd.unpack_delta(payload, 24, 4)
    assert samples.tolist() == [[11564, 30658, -11565, -30659], [11742, 30590, -11743, -30591]]


@given(
    hnp.arrays(
        np.int64,
        st.tuples(st.integers(1, 30), st.integers(1, 4)),
        elements=st.integers(-(1 << 23), (1 << 23) - 1),
    )
)
def test_compressed_there_and_back(counts):
    assert pmd.unpack_delta(pmd.pack_delta(counts, 24), 24, counts.shape[1]).tolist() == counts.tolist()


def test_a_block_of_no_differences():
    assert pmd.unpack_delta(bytes([5, 0, 0, 3]), 16, 1).ravel().tolist() == [5, 5, 5, 5]


@given(st.binary(max_size=60), st.sampled_from([14, 16, 22, 24]), st.integers(1, 4))
def test_any_bytes_are_samples_or_a_value_error(payload, bits, channels):
    try:
        samples = pmd.unpack_delta(payload, bits, channels)
    except ValueError:
        return
    assert samples.shape[1] == channels


def test_blocks_longer_than_their_counter():
    counts = np.arange(600)[:, None] * 7
    assert pmd.unpack_delta(pmd.pack_delta(counts, 24), 24, 1).tolist() == counts.tolist()
