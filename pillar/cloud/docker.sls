docker:
  package: docker.io
  version: "20.10.24+dfsg1-1+deb12u1*"
  blocked:
    - version: "1.7.0-1*"
      archs: [armel, armhf]
      reason: every container failed to start on ARM
      use: 1.6.2-1 or 1.7.1-1 and later
  daemon:
    log-driver: json-file
    log-opts: {max-size: "1m", max-file: "2"}
    live-restore: true
    registry-mirrors: []
  images:
    - {name: picloud/busybox, tag: "1.35", archive: busybox-1.35}   # salt://docker/images/busybox-1.35-<arch>.tar
