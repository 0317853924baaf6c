# What is written on cards. Packages here are in the image from the start; an image fits a board when archs has the board's.
images:
  bookworm:
    suite: bookworm
    archs: [armel, armhf, arm64, amd64]     # amd64 is for the lab's containers
    mirror: http://deb.debian.org/debian
    security_mirror: http://deb.debian.org/debian-security
    components: [main, non-free-firmware]
    # What the parts would install anyway is here too: a new card converges without a download.
    packages: [systemd, systemd-sysv, systemd-timesyncd, dbus, openssh-server, sudo, locales, logrotate,
               tzdata, ca-certificates, python3, python3-venv, docker.io]
