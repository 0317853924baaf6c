images:
  bookworm:
    suite: bookworm
    archs: [armel, armhf, arm64, amd64]
    mirror: http://deb.debian.org/debian
    security_mirror: http://deb.debian.org/debian-security
    components: [main, non-free-firmware]
    packages: [systemd, systemd-sysv, dbus, openssh-server, python3, python3-venv, docker.io]
