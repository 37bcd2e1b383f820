#!/usr/bin/env bash
# Installs the system packages that tests need, where apt-get and the right to use it are there.
# Without them the tests concerned skip and say why (in CI, with CI=true, they must run).
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null || missing+=("${@:2}"); }
need gcc gcc libc6-dev
need g++ g++
need make make
need clang clang libclang-rt-dev
need dbus-daemon dbus
need systemd-analyze systemd
need avr-gcc gcc-avr avr-libc arduino-core-avr
need chromium chromium
need dciodvfy dicom3tools
need arm-none-eabi-gcc gcc-arm-none-eabi libnewlib-arm-none-eabi

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "missing, so that some tests will skip: ${missing[*]}"
    exit 0
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
