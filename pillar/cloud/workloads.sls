# What runs on the Docker swarm of each site, and the container images it is started from. docs/workloads.md
# To see where it would run, and why something does not fit: salt-run workload.plan
container_images:
  web:
    tag: "1"
    archs: [armel, armhf, arm64, amd64]     # amd64 is for the lab's containers
    build:
      suite: bookworm
      packages: [busybox]
      files:
        /usr/local/bin/web:
          mode: "0755"
          contents: |
            #!/bin/sh -e
            echo "<h1>Hello from the Pi cloud</h1><p>Replica $REPLICA.</p>" >/tmp/index.html
            exec busybox httpd -f -p 8080 -h /tmp
      user: www-data
      entrypoint: [/usr/local/bin/web]

overlays:
  web: {}

workloads:                                  # web is reached through web-balancer: workloads/balancer.sls
  web:
    image: web
    # Swarm puts in its number and the node.
    env: {REPLICA: "{% raw %}{{.Task.Slot}} on {{.Node.Hostname}}{% endraw %}"}
    replicas: 3
    # So that it runs on two nodes at least: a new swarm is one node at first, and Swarm moves nothing to those that join.
    placement: {max_per_node: 2}
    resources: {cpus: 0.1, memory_mb: 16, mbps: 10, uplink_mbps: 5}     # of each replica
    read_only: true
    mounts: [{target: /tmp, type: tmpfs, size_mb: 1}]
    networks: [web]
    healthcheck: {test: [busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/"], interval_s: 10}
