# Chess analysis by many nodes: workers with Stockfish, a queue, and a front on port 8010 of the nodes that run it.
# make chess FEN=startpos asks it in the lab; more workers make it faster. docs/chess.md
container_images:
  chess:
    tag: "1"
    archs: [armel, armhf, arm64, amd64]
    build:
      suite: bookworm
      packages: [busybox, pgn-extract, python3-redis, stockfish]
      files:
        /srv/chess/picloud_chess/__init__.py: {source: /srv/picloud/salt/workloads/picloud_chess/__init__.py}
        /srv/chess/picloud_chess/answer.py: {source: /srv/picloud/salt/workloads/picloud_chess/answer.py}
        /srv/chess/picloud_chess/engine.py: {source: /srv/picloud/salt/workloads/picloud_chess/engine.py}
        /srv/chess/picloud_chess/front.py: {source: /srv/picloud/salt/workloads/picloud_chess/front.py}
        /srv/chess/picloud_chess/movetext.py: {source: /srv/picloud/salt/workloads/picloud_chess/movetext.py}
        /srv/chess/picloud_chess/notation.py: {source: /srv/picloud/salt/workloads/picloud_chess/notation.py}
        /srv/chess/picloud_chess/pages.py: {source: /srv/picloud/salt/workloads/picloud_chess/pages.py}
        /srv/chess/picloud_chess/positions.py: {source: /srv/picloud/salt/workloads/picloud_chess/positions.py}
        /srv/chess/picloud_chess/queue.py: {source: /srv/picloud/salt/workloads/picloud_chess/queue.py}
        /srv/chess/picloud_chess/request.py: {source: /srv/picloud/salt/workloads/picloud_chess/request.py}
        /srv/chess/picloud_chess/tasks.py: {source: /srv/picloud/salt/workloads/picloud_chess/tasks.py}
        /srv/chess/picloud_chess/uci.py: {source: /srv/picloud/salt/workloads/picloud_chess/uci.py}
        /srv/chess/picloud_chess/worker.py: {source: /srv/picloud/salt/workloads/picloud_chess/worker.py}
      env: {QUEUE: "redis://chess-queue:6379", PYTHONUNBUFFERED: "1"}
      user: nobody
      workdir: /srv/chess
      entrypoint: [python3, -m]
      args: [picloud_chess.front]

  redis:
    tag: "7.0"
    archs: [armel, armhf, arm64, amd64]
    build:
      suite: bookworm
      packages: [redis-server]
      files:
        /etc/picloud-queue.conf:
          # Nothing on disk: when the queue is lost, the fronts put in again what is missing.
          contents: |
            bind * -::*
            protected-mode no
            save ""
            appendonly no
            maxmemory 32mb
            maxmemory-policy volatile-ttl
      user: redis
      workdir: /tmp
      entrypoint: [redis-server, /etc/picloud-queue.conf]

overlays:
  chess: {}

workloads:
  chess-queue:
    image: redis
    replicas: 1
    resources: {cpus: 0.1, memory_mb: 48, mbps: 1}
    read_only: true
    mounts: [{target: /tmp, type: tmpfs, size_mb: 1}]
    networks: [chess]
    healthcheck: {test: [redis-cli, ping]}

  chess-worker:
    image: chess
    args: [picloud_chess.worker]
    # The names that results show: Swarm puts in the node and the number of the replica.
    env: {NODE: "{% raw %}{{.Node.Hostname}}{% endraw %}", WORKER: "{% raw %}{{.Task.Slot}}{% endraw %}"}
    replicas: 4
    resources: {cpus: 0.5, memory_mb: 112, mbps: 1}
    read_only: true
    networks: [chess]

  chess:
    image: chess
    replicas: 2
    resources: {cpus: 0.1, memory_mb: 48, mbps: 2, uplink_mbps: 1}
    publish: [{published: 8010, target: 8080}]
    read_only: true
    mounts: [{target: /tmp, type: tmpfs, size_mb: 1}]
    networks: [chess]
    healthcheck: {test: [busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/health"]}
