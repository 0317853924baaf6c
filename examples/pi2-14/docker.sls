# Docker Engine, from Debian, at one version that stays until it is changed here.
docker:
  package: docker.io
  version: "20.10.24+dfsg1-1+deb12u1*"
  daemon:
    log-driver: json-file
    log-opts: {max-size: "1m", max-file: "2"}
    live-restore: true
