# Docker Engine, from Debian, at one version that stays until it is changed here.
docker:
  package: docker.io
  version: "20.10.24+dfsg1-1+deb12u1*"
  # Versions that are never installed. The first is history: in 2015 it broke every container of this cloud
  # (https://raspberrypicloud.wordpress.com/blog/).
  blocked:
    - version: "1.7.0-1*"
      archs: [armel, armhf]
      reason: every container failed to start on ARM
      use: 1.6.2-1 or 1.7.1-1 and later
  # Written to /etc/docker/daemon.json.
  daemon:
    log-driver: json-file
    log-opts: {max-size: "1m", max-file: "2"}
    live-restore: true        # not on nodes in a swarm: Docker refuses it there
    registry-mirrors: []
  # Images every Docker node has, loaded from salt://docker/images/<archive>-<architecture>.tar.
  images:
    - {name: picloud/busybox, tag: "1.35", archive: busybox-1.35}
