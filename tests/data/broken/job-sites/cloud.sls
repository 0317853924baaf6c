# The smallest whole cloud: one site, one kind of board.
cloud: {name: tiny, domain: pi.example, timezone: Europe/London, locale: en_GB.UTF-8}

sites:
  lab:
    master: head.pi.example
    subnet: 10.80.0.0/16
    ipv6: "fd00:c10d::/48"
    gateway: 10.80.0.1
  annexe:
    master: head.pi.example
    subnet: 10.81.0.0/16

network:
  nameservers: [10.80.0.1]
  hosts: {head.pi.example: 10.80.0.2}

images:
  bookworm:
    suite: bookworm
    archs: [armhf, arm64]
    mirror: http://deb.debian.org/debian
    security_mirror: http://deb.debian.org/debian-security

roles:
  pi: {default: true, parts: [base, boot, salt_minion]}
  docker: {parts: [docker, swarm]}
  swarm-manager: {count: any, spread: rack}
  manager: {count: any, spread: rack}
