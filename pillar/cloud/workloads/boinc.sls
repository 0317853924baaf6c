# BOINC: what a node has to spare for science. One idles until a project is named in secrets/boinc.sls. docs/boinc.md
container_images:
  boinc:
    tag: "7.20"
    archs: [armel, armhf, arm64, amd64]
    build:
      suite: bookworm
      packages: [boinc-client]
      files:
        /srv/boinc/picloud_boinc/__init__.py: {source: /srv/picloud/salt/workloads/picloud_boinc/__init__.py}
        /srv/boinc/picloud_boinc/preferences.py: {source: /srv/picloud/salt/workloads/picloud_boinc/preferences.py}
        /srv/boinc/picloud_boinc/project.py: {source: /srv/picloud/salt/workloads/picloud_boinc/project.py}
        /srv/boinc/picloud_boinc/start.py: {source: /srv/picloud/salt/workloads/picloud_boinc/start.py}
      env: {PYTHONPATH: /srv/boinc, PYTHONDONTWRITEBYTECODE: "1"}
      user: boinc
      workdir: /var/lib/boinc-client
      entrypoint: [python3, -P, -m, picloud_boinc.start]     # -P: nothing that a task writes is run by it

workloads:
  boinc:
    image: boinc
    env: {CPUS: "1", MEMORY_MB: "100", DISK_GB: "2"}     # tasks at a time, and what they take together
    replicas: 1
    resources: {cpus: 0.1, memory_mb: 32}
    limits: {cpus: 0.5, memory_mb: 128}
    placement: {max_per_node: 1}
    read_only: true
    stop_grace_s: 30
    mounts:
      - {target: /var/lib/boinc-client, source: boinc}     # what is worked on survives a restart
      - {target: /tmp, type: tmpfs, size_mb: 8}
    secrets: [{source: boinc-project}]
    healthcheck: {test: [boinccmd, --get_state], interval_s: 10}
