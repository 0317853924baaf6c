# Card image, roles and what every node runs.
images:
  bookworm:
    suite: bookworm
    archs: [armhf, amd64]     # amd64 is for the lab's containers
    mirror: http://deb.debian.org/debian
    security_mirror: http://deb.debian.org/debian-security
    components: [main, non-free-firmware]
    packages: [systemd, systemd-sysv, dbus, openssh-server, python3, python3-venv, docker.io]

roles:
  pi: {default: true, parts: [base, boot, salt_minion]}
  docker: {parts: [docker]}

base:
  admins: {}     # jane: {keys: ["ssh-ed25519 AAAA... jane@laptop"], sudo: true}
  journal: {ram_mb: 16, forward_to_syslog: false}

boot:
  gpu_mem: 16
  cgroup_memory: true

salt_minion:
  version: "3008.3"
  config: {rejected_retry: true}

# Changed settings of Docker go to a few nodes first, by salt-run rollout.start: docs/rollouts.md
rollout: {parts: [docker]}
