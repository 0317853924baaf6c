# What is written on cards. Packages here are in the image from the start; an image fits a board when archs has the board's.
images:
  bookworm:
    suite: bookworm
    archs: [armel, armhf, arm64, amd64]     # amd64 is for the lab's containers
    mirror: http://deb.debian.org/debian
    security_mirror: http://deb.debian.org/debian-security
    components: [main, non-free-firmware]
    packages: [systemd, systemd-sysv, dbus, openssh-server, python3, python3-venv, docker.io]
