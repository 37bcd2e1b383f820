#!/bin/bash
# A 64-bit ARM install of wearecg, really run: Debian trixie for arm64, under qemu-user, on any Linux computer.
#
#     sudo apt-get install debootstrap qemu-user-static python3-pip
#     sudo tests/arm64/check.sh [FOLDER]
#
# FOLDER (default /var/tmp/wearecg-arm64) keeps the system and the wheels for the next time: minutes at first, then
# less. Nothing is unpacked on the emulated side: packages and wheels are laid out by this computer and only read there.
# WEARECG_ARM64_CPU (default cortex-a76, a Raspberry Pi 5's) is what qemu plays. It says nothing of a Pi's speed.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-/var/tmp/wearecg-arm64}
root=$folder/root
cpu=${WEARECG_ARM64_CPU:-cortex-a76}
mirror=${WEARECG_ARM64_MIRROR:-http://deb.debian.org/debian}

[ "$(id -u)" = 0 ] || { echo "needs root, for debootstrap and chroot: sudo $0" >&2; exit 2; }
for tool in debootstrap qemu-aarch64-static unshare; do
    command -v "$tool" > /dev/null || { echo "needs $tool: apt-get install debootstrap qemu-user-static" >&2; exit 2; }
done

if [ ! -e "$root/complete" ]; then
    echo "== Debian trixie arm64 =="
    rm -rf "$folder/packages" "$root"
    mkdir -p "$root"
    debootstrap --arch=arm64 --foreign --variant=minbase --include=python3,ca-certificates \
        trixie "$folder/packages" "$mirror" | tail -n 1
    for package in "$folder"/packages/var/cache/apt/archives/*.deb; do
        dpkg -x "$package" "$root"
    done
    rm -rf "$folder/packages"
    mkdir -p "$root/proc" "$root/tmp"
    touch "$root/complete"
fi
cp "$(command -v qemu-aarch64-static)" "$root/usr/bin/"

echo "== the wheel and what it needs =="
rm -rf "$folder/wheel" "$root/opt/site"
mkdir -p "$folder/wheel" "$root/opt"
python3 -m pip wheel --quiet --no-deps --wheel-dir "$folder/wheel" "$here"
python3 -m pip install --quiet --no-compile --target "$root/opt/site" --only-binary=:all: \
    --implementation cp --python-version 3.13 \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 \
    "$(ls "$folder"/wheel/wearecg-*.whl)[tflite]"
ls "$root/opt/site" | grep -E '^(wearecg|numpy|onnxruntime|ai_edge_litert|bleak|pyserial)-.*dist-info$'

# In a mount namespace of its own, so that /proc is gone again however this ends. No /sys: its view of the host's
# processors is not this one's.
guest() {
    unshare --mount --fork bash -c 'mount -t proc proc "$0/proc" && exec "$@"' "$root" \
        env -i PATH=/usr/bin:/usr/sbin HOME=/tmp PYTHONPATH=/opt/site OMP_NUM_THREADS=1 \
        chroot "$root" /usr/bin/qemu-aarch64-static -cpu "$cpu" /usr/bin/python3 -B "$@"
}

check() {
    echo "== $* =="
    local began=$SECONDS
    guest -m wearecg "$@"
    echo "(took $((SECONDS - began)) s, emulated)"
}

guest -c 'import platform; print(platform.machine(), "Python", platform.python_version())'
check doctor
check models verify
# The simulation waits for us (speed=max), since emulation may be slower than the signal: not one sample is skipped.
rm -rf "$root/tmp/check"
check stream 'simulate:sinus?seed=1&speed=max' --duration 60 --record /tmp/check --to jsonl:/tmp/check/events.jsonl
guest - /tmp/check << 'PYTHON'
import json, sys
from pathlib import Path

folder = Path(sys.argv[1])
events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
ecg = next(e for e in events if e["type"] == "summary" and e["stream"] == "ecg")
(header,) = (p for p in folder.glob("*.hea") if p.stem.endswith("Z"))
recorded = int(header.read_text().split()[3])
print(f"{ecg['samples']} samples, {recorded} recorded, {ecg['beats']} beats, {ecg['windows_scored']} windows scored")
assert 30000 <= ecg["samples"] == recorded, "samples are missing"
assert 40 < ecg["beats"] < 120 and ecg["windows_scored"] >= 5 and not ecg["windows_skipped"]
PYTHON
echo "all is well on $(uname -m) playing aarch64 ($cpu)"
