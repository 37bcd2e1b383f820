"""A sensor made of software: it plays a person or a recording over a real pseudo-terminal."""

from wearecg.virtual_sensor.faults import Fault
from wearecg.virtual_sensor.playback import Playback
from wearecg.virtual_sensor.sensor import Report, VirtualSensor

__all__ = ["Fault", "Playback", "Report", "VirtualSensor"]
