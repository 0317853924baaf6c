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
        /srv/www/index.html: {contents: "<h1>Hello from the Pi cloud</h1>\n"}
      entrypoint: [busybox, httpd, -f, -p, "80", -h, /srv/www]

workloads:
  web:
    image: web
    replicas: 3
    resources: {cpus: 0.1, memory_mb: 16, mbps: 10, uplink_mbps: 5}     # of each replica
    publish: [{published: 80}]                                          # on the nodes that run one
    healthcheck: {test: [busybox, wget, -q, -O, /dev/null, "http://127.0.0.1/"]}
