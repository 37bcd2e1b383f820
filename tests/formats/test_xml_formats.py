"""ECGs in XML: HL7 aECG, GE MUSE, CardioSoft and Philips Sierra; and XML that nobody should read."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import read_recording
from wearecg.formats.xml_files import root_of

RNG = np.random.default_rng(4)
ONE, TWO, V1 = (RNG.integers(-300, 300, 1000).astype(np.int16) for _ in range(3))


def save(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "r.xml"
    path.write_bytes(text.encode(encoding))
    return path


def aecg(
    leads: dict[str, tuple[np.ndarray, str, str]],
    head: str = "20261201103000.250",
    step: str = 'value="0.002" unit="s"',
) -> str:
    sequences = "".join(
        f'<component><sequence><code code="{code}"/><value xsi:type="SLIST_PQ">{scale}'
        f"<digits>{' '.join(map(str, digits))}</digits></value></sequence></component>"
        for code, (digits, scale, _) in leads.items()
    )
    time = (
        '<component><sequence><code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS">'
        f'<head value="{head}"/><increment {step}/></value></sequence></component>'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!-- made by hand -->'
        '<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<component><series><component><sequenceSet>{time}{sequences}</sequenceSet></component>"
        "<derivation><derivedSeries><component><sequenceSet/></component></derivedSeries></derivation>"
        "</series></component></AnnotatedECG>"
    )


def uv(scale: float, origin: float = 0) -> str:
    return f'<origin value="{origin}" unit="uV"/><scale value="{scale}" unit="uV"/>'


def test_aecg_has_a_scale_an_origin_and_a_unit_for_each_lead(tmp_path: Path) -> None:
    leads = {
        "MDC_ECG_LEAD_I": (ONE, uv(2.5), ""),
        "MDC_ECG_LEAD_II": (TWO, uv(5, 100), ""),
        "MDC_ECG_LEAD_V1": (V1, '<origin value="0" unit="mV"/><scale value="0.001" unit="mV"/>', ""),
    }
    got = read_recording(save(tmp_path, aecg(leads)))
    assert (got.fs, got.leads, got.duration, got.epoch) == (500, ("I", "II", "V1"), 2, 1796121000.25)
    assert got.lsb == pytest.approx((0.0025, 0.005, 0.001))
    np.testing.assert_allclose(got.samples[:, 0], ONE * 0.0025, atol=1e-6)
    np.testing.assert_allclose(got.samples[:, 1], TWO * 0.005 + 0.1, atol=1e-6)
    np.testing.assert_allclose(got.samples[:, 2], V1 * 0.001, atol=1e-6)


@pytest.mark.parametrize(
    ("head", "epoch"),
    [("20261201103000+0100", 1796117400.0), ("20261201103000-0330", 1796133600.0), ("2026", None)],
)
def test_aecg_clocks_with_a_zone_and_without_one(tmp_path: Path, head: str, epoch: float | None) -> None:
    lead = {"MDC_ECG_LEAD_II": (TWO, uv(1), "")}
    assert read_recording(save(tmp_path, aecg(lead, head))).epoch == epoch


def test_aecg_steps_of_time_have_a_unit(tmp_path: Path) -> None:
    lead = {"MDC_ECG_LEAD_II": (TWO, uv(1), "")}
    assert read_recording(save(tmp_path, aecg(lead, step='value="4" unit="ms"'))).fs == 250
    for step, words in (
        ('value="4" unit="h"', "is none of s, ms, us"),
        ('value="0" unit="s"', "no step of time"),
        ('value="1e9" unit="s"', "a rate of 0 Hz is none"),
    ):
        with pytest.raises(wearecg.SourceError, match=words):
            read_recording(save(tmp_path, aecg(lead, step=step)))


def test_aecg_derived_leads_are_marked(tmp_path: Path) -> None:
    leads = {
        "MDC_ECG_LEAD_II": (TWO, uv(1), ""),
        "MDC_ECG_LEAD_DERIVED_V1": (V1, uv(1), ""),
    }
    assert read_recording(save(tmp_path, aecg(leads))).derived == ("V1",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (aecg({}), "holds no rhythm"),
        (aecg({"MDC_ECG_LEAD_II": (TWO, "", "")}), "has digits and no scale"),
        (aecg({"MDC_ECG_LEAD_II": (TWO, uv(1).replace('"1"', '"much"'), "")}), "is no scale"),
        (aecg({"MDC_ECG_LEAD_II": (["1", "x"], uv(1), "")}), "digits of MDC_ECG_LEAD_II"),
        (aecg({"MDC_ECG_LEAD_II": (TWO, uv(1), "")})[:-30], "cannot be read as XML"),
        (aecg({"MDC_ECG_LEAD_II": (TWO, '<origin value="1" unit="mV"/><scale value="1" unit="uV"/>', "")}),
         "another unit than its scale"),
    ],
)  # fmt: skip
def test_aecg_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words) as told:
        read_recording(save(tmp_path, text))
    assert "\n" not in str(told.value)


def muse(
    leads: dict[str, np.ndarray], units: str = "MICROVOLTS", kind: str = "Rhythm", base: str = "500"
) -> str:
    data = "".join(
        f"<LeadData><LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>"
        f"<LeadAmplitudeUnits>{units}</LeadAmplitudeUnits><LeadID>{name}</LeadID>"
        f"<WaveFormData>\n{b64encode(counts.astype('<i2').tobytes()).decode()}\n</WaveFormData></LeadData>"
        for name, counts in leads.items()
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd"><RestingECG>'
        "<TestDemographics><AcquisitionTime>10:30:00</AcquisitionTime>"
        "<AcquisitionDate>12-01-2026</AcquisitionDate></TestDemographics>"
        "<Waveform><WaveformType>Median</WaveformType><SampleBase>500</SampleBase></Waveform>"
        f"<Waveform><WaveformType>{kind}</WaveformType><SampleBase>{base}</SampleBase>"
        f"<SampleExponent>0</SampleExponent>{data}</Waveform></RestingECG>"
    )


def test_muse_stores_some_leads_and_the_rest_are_computed_and_marked(tmp_path: Path) -> None:
    got = read_recording(save(tmp_path, muse({"I": ONE, "II": TWO, "V1": V1})))
    assert (got.fs, got.leads, got.epoch) == (
        500, ("I", "II", "V1", "III", "aVR", "aVL", "aVF"), 1796121000.0,
    )  # fmt: skip
    assert got.derived == ("III", "aVR", "aVL", "aVF")
    one, two = ONE * 0.00488, TWO * 0.00488
    for lead, expected in (
        ("I", one), ("III", two - one), ("aVR", -(one + two) / 2), ("aVL", one - two / 2), ("aVF", two - one / 2),
    ):  # fmt: skip
        np.testing.assert_allclose(got.samples[:, got.leads.index(lead)], expected, atol=1e-6)


def test_muse_rates_have_an_exponent(tmp_path: Path) -> None:
    text = muse({"II": TWO}, base="5").replace("<SampleExponent>0", "<SampleExponent>2")
    assert read_recording(save(tmp_path, text)).fs == 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (muse({"II": TWO}, kind="Median"), "holds no rhythm: its waveforms are median"),
        (muse({"II": TWO}, kind="Rhy\nthm"), r"its waveforms are median, rhy\\nthm$"),
        (muse({"II": TWO}, base="0"), "a rate of 0 Hz is none"),
        (muse({"II": TWO}).replace("4.88", ""), "is no scale of lead II"),
        (muse({"II": TWO}).replace("<WaveFormData>\n", "<WaveFormData>!"), "is no base64"),
        (muse({}), "holds no ECG: it has nothing"),
    ],
)
def test_muse_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(save(tmp_path, text))


def test_muse_units_that_are_not_known_are_told(tmp_path: Path) -> None:
    assert read_recording(save(tmp_path, muse({"V1": V1}, units="FURLONGS"))).uncalibrated == ("V1",)


def cardiosoft(
    leads: dict[str, np.ndarray], resolution: str = '<Resolution units="uVperLsb">5</Resolution>'
) -> str:
    data = "".join(
        f'<WaveformData lead="{k}">{",".join(map(str, x))}</WaveformData>' for k, x in leads.items()
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?><CardiologyXML><ObservationDateTime><Hour>10</Hour>'
        "<Minute>30</Minute><Second>0</Second><Day>1</Day><Month>12</Month><Year>2026</Year></ObservationDateTime>"
        '<RestingECGMeasurements><MedianSamples><WaveformData lead="I">1,2</WaveformData></MedianSamples>'
        f'</RestingECGMeasurements><StripData><SampleRate units="Hz">500</SampleRate>{resolution}{data}</StripData>'
        "</CardiologyXML>"
    )


def test_cardiosoft(tmp_path: Path) -> None:
    got = read_recording(save(tmp_path, cardiosoft({"I": ONE, "AVR": V1})))
    assert (got.fs, got.leads, len(got), got.epoch) == (500, ("I", "aVR"), 1000, 1796121000.0)
    np.testing.assert_allclose(got.samples[:, 1], V1 * 0.005, atol=1e-6)
    assert read_recording(save(tmp_path, cardiosoft({"I": ONE}, ""))).uncalibrated == ("I",)
    of_no_year = cardiosoft({"I": ONE}).replace("2026", "99999999999")
    assert read_recording(save(tmp_path, of_no_year)).epoch is None
    with pytest.raises(wearecg.SignalError, match="holds no strip"):
        read_recording(save(tmp_path, "<CardiologyXML><FullDisclosure/></CardiologyXML>"))


def lzw(data: bytes) -> bytes:
    """Write codes of ten bits, the highest bit first."""
    known = {bytes([octet]): octet for octet in range(256)}
    codes, held = [], b""
    for octet in data:
        if held + bytes([octet]) in known:
            held += bytes([octet])
            continue
        codes.append(known[held])
        if len(known) < 1023:
            known[held + bytes([octet])] = len(known)
        held = bytes([octet])
    codes.append(known[held])
    bits = "".join(f"{code:010b}" for code in codes)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def xli(samples: np.ndarray) -> bytes:
    x = samples.astype(np.int64)
    seconds = 2 * x[1:-1] - x[:-2] - x[2:]  # what each value from the third on lacks
    values = np.concatenate([x[:2], seconds[1:] + 64, [0]]).astype(np.int16)
    raw = values.astype(">i2").tobytes()
    chunk = lzw(raw[::2] + raw[1::2])
    return (
        len(chunk).to_bytes(4, "little")
        + b"\0\0"
        + int(seconds[0]).to_bytes(2, "little", signed=True)
        + chunk
    )


def sierra(data: str, attributes: str, labels: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="utf-16"?><restingecgdata xmlns="http://www3.medical.philips.com">'
        '<dataacquisition date="2026-12-01" time="10:30:00"><signalcharacteristics><samplingrate>500</samplingrate>'
        "<signalresolution>5</signalresolution><signaloffset>0</signaloffset></signalcharacteristics></dataacquisition>"
        f'<waveforms><parsedwaveforms durationperchannel="2000" {labels} {attributes}>{data}</parsedwaveforms>'
        "</waveforms></restingecgdata>"
    )


TWELVE = [ONE // 2, TWO // 2, *(RNG.integers(-99, 99, 1000) for _ in range(10))]


def stored(leads: list[np.ndarray]) -> list[np.ndarray]:
    """Replace the limb leads by what they differ from what I and II say."""
    one, two, three, right, left, foot = (lead.astype(np.int64) for lead in leads[:6])
    half = lambda x: np.trunc(x / 2).astype(np.int64)  # noqa: E731
    rest = [two - one - three, -half(one + two) - right, half(one - three) - left, half(two + three) - foot]
    return [one, two, *rest, *leads[6:]]


def test_sierra_compressed(tmp_path: Path) -> None:
    data = b64encode(b"".join(map(xli, stored(TWELVE)))).decode()
    attributes = 'dataencoding="Base64" compressflag="True" compressmethod="XLI"'
    got = read_recording(save(tmp_path, sierra(data, attributes), "utf-16"))
    assert (got.fs, len(got.leads), got.duration, got.epoch) == (500, 12, 2, 1796121000.0)
    for column, lead in enumerate(TWELVE):
        np.testing.assert_allclose(got.samples[:, column], lead * 0.005, atol=1e-5, err_msg=got.leads[column])


@pytest.mark.parametrize("encoding", ["Base64", "Plain"])
def test_sierra_as_it_is(tmp_path: Path, encoding: str) -> None:
    data = b64encode(np.concatenate([ONE, TWO]).astype("<i2").tobytes()).decode()
    data = data if encoding == "Base64" else " ".join(map(str, [*ONE, *TWO]))
    text = sierra(data, f'dataencoding="{encoding}" compression="Uncompressed"', 'leadlabels="I II"')
    got = read_recording(save(tmp_path, text, "utf-16"))
    assert got.leads == ("I", "II")
    np.testing.assert_allclose(got.samples[:, 1], TWO * 0.005, atol=1e-6)


@pytest.mark.parametrize(
    ("data", "attributes", "words"),
    [
        ("", 'dataencoding="Base64" compression="XLI"', "end in lead 1 of 12"),
        (b64encode(xli(ONE)[:-300]).decode(), 'dataencoding="Base64" compression="XLI"', "end in lead 1"),
        (b64encode(xli(ONE[:500])).decode(), 'dataencoding="Base64" compression="XLI"', "has 500 samples"),
        ("", 'dataencoding="Base64" compression="ZIP"', "compressed by 'zip' are not read"),
        ("1 2", 'dataencoding="Plain"', "2 samples of its waveforms are there, of 12000"),
        ("1 2", 'dataencoding="Runes"', "waveforms in 'Runes' are not read"),
        ("1 2", 'dataencoding="Plain" bitspersample="8"', "samples of 8 bits are not read"),
        ("1 2", 'dataencoding="Plain" samplespersecond="1e9"', "Hz are none"),
    ],
)
def test_sierra_that_cannot_be_read(tmp_path: Path, data: str, attributes: str, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(save(tmp_path, sierra(data, attributes), "utf-16"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<!DOCTYPE r [<!ENTITY a "b">]><RestingECG>&a;</RestingECG>', "declares entities"),
        (
            '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>',
            "declares entities",
        ),
        ("<RestingECG>" * 1000, "more than 200 deep"),
        ('<?xml version="1.0" encoding="runes"?><RestingECG/>', "cannot be read as XML"),
    ],
)
def test_xml_that_nobody_should_read(tmp_path: Path, text: str, words: str) -> None:
    path = save(tmp_path, text.replace("DOCTYPE r", "DOCTYPE RestingECG"))
    with pytest.raises(wearecg.SourceError, match=words) as told:
        read_recording(path)
    assert "\n" not in str(told.value)


def test_what_is_no_xml_has_no_root() -> None:
    assert [root_of(head) for head in (b"", b"\0\1\2", b"a,b\n1,2", b"\xff\xfe<")] == ["", "", "", ""]


@pytest.mark.parametrize(
    "text",
    [
        aecg({"MDC_ECG_LEAD_II": (TWO[:20], uv(1), "")}),
        muse({"I": ONE[:20], "II": TWO[:20]}),
        cardiosoft({"I": ONE[:20]}),
    ],
)
def test_damage_ends_in_one_line(tmp_path: Path, text: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        damaged = bytearray(text.encode())
        for at in rng.integers(0, len(damaged), rng.integers(1, 4)):
            damaged[at] = rng.integers(32, 127)
        (tmp_path / "r.xml").write_bytes(damaged)
        with suppress(wearecg.WearECGError):
            read_recording(tmp_path / "r.xml")
