#!/bin/sh
# Run by mmdebstrap at the end, $1 is the new root: what must differ per machine is not in an image.
set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/var/lib/dbus/machine-id "$1"/etc/apt/apt.conf.d/99mmdebstrap
rm -f "$1"/etc/resolv.conf "$1"/etc/hostname
: >"$1/etc/machine-id"
ln -s /etc/machine-id "$1/var/lib/dbus/machine-id"
printf '%s\n' "$PICLOUD_SOURCES" >"$1/etc/apt/sources.list"
rm -f "$1"/etc/apt/sources.list.d/*
mkdir -p "$1/boot/firmware"
if [ -x "$1/usr/sbin/locale-gen" ] && [ "$PICLOUD_LOCALE" != C.UTF-8 ]; then
    printf '%s %s\n' "$PICLOUD_LOCALE" "${PICLOUD_LOCALE#*.}" >"$1/etc/locale.gen"
    chroot "$1" locale-gen >/dev/null
fi
