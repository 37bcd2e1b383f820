#!/bin/bash
# The Bluetooth tests on the real thing: Debian bookworm's kernel and bluetoothd with a virtual controller, under QEMU.
#
#     sudo apt-get install debootstrap e2fsprogs python3-pip qemu-system-x86 seabios
#     sudo tests/bluez/check.sh [FOLDER]
#
# FOLDER (default /var/tmp/wearecg-bluez) keeps the system for the next time: ten minutes at first, then three. No KVM
# is needed, and this computer's own Bluetooth is not touched. What is checked is in `in_guest.py` beside this file.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-/var/tmp/wearecg-bluez}
root=$folder/root
mirror=${WEARECG_BLUEZ_MIRROR:-http://deb.debian.org/debian}

[ "$(id -u)" = 0 ] || { echo "needs root, for debootstrap: sudo $0" >&2; exit 2; }
for tool in debootstrap mke2fs qemu-system-x86_64; do
    command -v "$tool" > /dev/null ||
        { echo "needs $tool: apt-get install debootstrap e2fsprogs qemu-system-x86 seabios" >&2; exit 2; }
done

if [ ! -e "$root/complete" ]; then
    echo "== Debian bookworm with its kernel and BlueZ =="
    rm -rf "$root"
    mkdir -p "$folder"
    debootstrap --variant=minbase --include=bluez,dbus,kmod,python3,linux-image-amd64 \
        bookworm "$root" "$mirror" | tail -n 1
    rm -rf "$root"/var/cache/apt/archives/*.deb
    touch "$root/complete"
fi

echo "== the wheel, what it needs, and Bumble =="
rm -rf "$folder/wheel" "$root/opt"
mkdir -p "$folder/wheel" "$root/opt"
python3 -m pip wheel --quiet --no-deps --wheel-dir "$folder/wheel" "$here"
python3 -m pip install --quiet --no-compile --target "$root/opt/site" --only-binary=:all: \
    --implementation cp --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
    "$folder"/wheel/wearecg-*.whl bumble==0.0.236
cp "$here"/tests/bluez/*.py "$root/opt/"
install "$here/tests/bluez/guest_init.sh" "$root/sbin/guest_init"

echo "== the guest =="
trap 'rm -f "$folder/root.img"' EXIT
mke2fs -q -t ext4 -d "$root" "$folder/root.img" 2G
timeout --foreground 1200 qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
    -nodefaults -display none -no-reboot -serial stdio -device virtio-rng-pci \
    -kernel "$root"/boot/vmlinuz-* -initrd "$root"/boot/initrd.img-* \
    -append "root=/dev/vda rw console=ttyS0 quiet init=/sbin/guest_init panic=-1 mitigations=off" \
    -drive "file=$folder/root.img,format=raw,if=virtio,cache=unsafe" < /dev/null | sed -u 's,\r,,' | tee "$folder/log"
grep -qx 'BLUEZ OK' "$folder/log"
