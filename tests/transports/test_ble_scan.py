from __future__ import annotations

from types import SimpleNamespace

import pytest

from wearecg.devices import device, simulated
from wearecg.errors import SourceError
from wearecg.transports.ble_scan import Sensor, Target, absent, ble_drivers, sensor_of

H10 = Sensor("Polar H10 12345678", "A0:9E:1A:00:00:01", (), -60, None)
OTHER = Sensor("Polar H10 87654321", "A0:9E:1A:00:00:02", (), -60, None)


@pytest.mark.parametrize(
    "text", ["Polar H10 12345678", "polar h10 12345678", "a0:9e:1a:00:00:01", " 12345678 "]
)
def test_a_name_a_part_or_an_address(text):
    assert Target(text).matches(H10)
    assert not Target(text).matches(OTHER)


def test_a_part_may_fit_several_a_whole_name_only_one():
    part, whole = Target("polar"), Target("Polar H10 12345678")
    assert part.matches(H10)
    assert part.matches(OTHER)
    assert not part.exactly(H10)
    assert whole.exactly(H10)


def test_once_connected_it_is_that_one():
    target = Target("polar")
    target.lock(H10)
    assert target.exactly(H10)
    assert not target.matches(OTHER)


def test_nothing_is_no_name():
    with pytest.raises(SourceError, match="devices --scan"):
        Target("  ")


@pytest.mark.parametrize(
    "name", ["polar-h10", "polar-verity", "movesense", "ganglion", "npg", "bridge-ble", "heart-rate"]
)
def test_each_sensor_is_known_by_what_it_advertises(name):
    kind = simulated(name)
    advertisement = SimpleNamespace(
        local_name=kind.advertised_name, service_uuids=[uuid.upper() for uuid in kind.advertised], rssi=-50
    )
    found = sensor_of(SimpleNamespace(name=None, address="X"), advertisement, ble_drivers())
    assert found.device is device(name)


def test_what_nobody_knows_is_no_sensor():
    advertisement = SimpleNamespace(local_name="TV", service_uuids=[], rssi=-50)
    found = sensor_of(SimpleNamespace(name=None, address="X"), advertisement, ble_drivers())
    assert found.device is None
    assert "Polar" not in absent("my strap", [found])
    assert "my strap is not in range" in absent("my strap", [found])
