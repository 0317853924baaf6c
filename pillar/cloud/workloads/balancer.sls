# HAProxy in front of the workload web: on port 80 of the nodes that run it. It follows the swarm by Docker's own DNS, which
# has an address for each replica that works: those that come, go or move are known within seconds, and nobody tells it.
# For a service of your own copy this, and write its name and port in the place of web:8080. docs/workloads.md
container_images:
  haproxy:
    tag: "2.6"
    archs: [armel, armhf, arm64, amd64]
    build:
      suite: bookworm
      packages: [busybox, haproxy]
      user: haproxy
      entrypoint: [haproxy, -db, -f]

workloads:
  web-balancer:
    image: haproxy
    args: [/etc/haproxy/picloud.cfg]
    replicas: 2
    resources: {cpus: 0.1, memory_mb: 48, mbps: 20}
    publish: [{published: 80, target: 8080}]
    read_only: true
    networks: [web]
    configs:
      haproxy:
        target: /etc/haproxy/picloud.cfg
        contents: |
          global
              log stdout format raw daemon notice
              maxconn 500

          resolvers docker
              nameserver engine 127.0.0.11:53
              # Room for the addresses of many replicas in one answer.
              accepted_payload_size 8192
              resolve_retries 3
              timeout resolve 1s
              timeout retry 1s
              # An answer is asked for again after a second, and a replica that is in it no more goes after three.
              hold valid 1s
              hold obsolete 3s
              # While there is no answer, those that were known last stay: health checks say which of them work.
              hold nx 30s
              hold refused 30s
              hold timeout 30s
              hold other 30s

          defaults
              mode http
              log global
              option dontlognull
              timeout connect 1s
              timeout check 2s
              timeout queue 10s
              timeout client 30s
              timeout server 30s
              timeout http-request 10s
              timeout http-keep-alive 10s
              # What a replica does not take goes to another one at once.
              retries 3
              option redispatch 1

          frontend web
              bind :8080
              option forwardfor
              default_backend web

          backend web
              balance roundrobin
              option httpchk GET /
              default-server check inter 2s fall 2 rise 1 observe layer4 error-limit 2 on-error mark-down
              # Up to 64 replicas; most of these are places for those to come.
              server-template web 1-64 tasks.web:8080 resolvers docker resolve-prefer ipv4 init-addr none

          # For the health check, and for whoever is in the container: wget -O - http://127.0.0.1:8404/
          frontend stats
              bind 127.0.0.1:8404
              monitor-uri /health
              stats enable
              stats uri /
    healthcheck: {test: [busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8404/health"], interval_s: 10}
