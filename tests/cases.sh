#!/usr/bin/env bash
# Runs what once broke wearecg or made it say a wrong number: files, hearts, sensors and processes.
set -euo pipefail

case=(
    tests/cases                       # files given to `score`, and hearts
    tests/devices/test_text_lines.py  # serial-*.txt: counts beyond ten bits, clocks, decimal commas, name:value
    tests/devices/test_heart_rate.py  # a byte too many behind the RR intervals
    tests/devices/test_polar_verity.py # contact bits of PPI, PPG at 28 Hz
    tests/models/test_runtimes.py     # a runtime whose import kills the process
    tests/models/test_profile.py      # weights that no person has
    tests/transports/test_auto.py     # random bytes without end
    tests/sinks/test_folder.py        # two processes in one second, damaged headers, a deleted folder
    tests/sinks/test_visible.py       # escape sequences in what a device says
    tests/test_another_sensor.py      # another sensor on the same port
    tests/test_rates.py               # rates as float32, text, None
    tests/test_floods.py              # a clock that runs backwards: told once, then counted
    tests/pipeline/test_timeline.py   # clocks and rates that lie
    tests/devices/test_bridge.py      # a HELLO that breaks the rules, wrong CRCs
    tests/cli/test_bad_input.py       # nohup, a closed stdout, a pipe that nobody reads
    tests/cli/test_service.py         # a folder with blanks
)
exec python -m pytest "${case[@]}" "$@"
