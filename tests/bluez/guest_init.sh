#!/bin/bash
# The guest's first process: as much of a Debian as bluetoothd wants, then the checks, then power off.
# The initial RAM disk has mounted /proc, /sys, /dev and /run.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONPATH=/opt/site OMP_NUM_THREADS=1

echo 3 > /proc/sys/kernel/printk
modprobe -a bluetooth hci_vhci
mkdir -p /run/dbus
dbus-uuidgen --ensure
dbus-daemon --system --nopidfile

echo "Linux $(uname -r), BlueZ $(/usr/libexec/bluetooth/bluetoothd --version), $(python3 --version)"
if python3 /opt/in_guest.py; then echo "BLUEZ OK"; else echo "BLUEZ FAILED"; fi
sleep 1  # for the serial line
echo o > /proc/sysrq-trigger
sleep 60  # the kernel panics if its first process ends before the power does
