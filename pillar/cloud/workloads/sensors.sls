# Sensors on every node: a simulated one tells the broker what it measures, and an aggregator has minutes of that on port 8020
# of the node that runs it. Change the password before the broker is published. docs/sensors.md
container_images:
  sensors:
    tag: "1"
    archs: [armel, armhf, arm64, amd64]
    build:
      suite: bookworm
      packages: [busybox, mosquitto, mosquitto-clients, python3-paho-mqtt]
      files:
        /srv/sensors/picloud_sensors/__init__.py: {source: /srv/picloud/salt/workloads/picloud_sensors/__init__.py}
        /srv/sensors/picloud_sensors/aggregator.py: {source: /srv/picloud/salt/workloads/picloud_sensors/aggregator.py}
        /srv/sensors/picloud_sensors/broker.py: {source: /srv/picloud/salt/workloads/picloud_sensors/broker.py}
        /srv/sensors/picloud_sensors/client.py: {source: /srv/picloud/salt/workloads/picloud_sensors/client.py}
        /srv/sensors/picloud_sensors/history.py: {source: /srv/picloud/salt/workloads/picloud_sensors/history.py}
        /srv/sensors/picloud_sensors/mosquitto.py: {source: /srv/picloud/salt/workloads/picloud_sensors/mosquitto.py}
        /srv/sensors/picloud_sensors/pages.py: {source: /srv/picloud/salt/workloads/picloud_sensors/pages.py}
        /srv/sensors/picloud_sensors/readings.py: {source: /srv/picloud/salt/workloads/picloud_sensors/readings.py}
        /srv/sensors/picloud_sensors/report.py: {source: /srv/picloud/salt/workloads/picloud_sensors/report.py}
        /srv/sensors/picloud_sensors/sensor.py: {source: /srv/picloud/salt/workloads/picloud_sensors/sensor.py}
        /srv/sensors/picloud_sensors/settings.py: {source: /srv/picloud/salt/workloads/picloud_sensors/settings.py}
        /srv/sensors/picloud_sensors/simulated.py: {source: /srv/picloud/salt/workloads/picloud_sensors/simulated.py}
        /srv/sensors/picloud_sensors/start.py: {source: /srv/picloud/salt/workloads/picloud_sensors/start.py}
        /srv/sensors/picloud_sensors/wrong.py: {source: /srv/picloud/salt/workloads/picloud_sensors/wrong.py}
      env: {PYTHONUNBUFFERED: "1", XDG_CONFIG_HOME: /tmp}
      user: nobody
      workdir: /srv/sensors
      entrypoint: [python3, -m]

overlays:
  sensors: {}

workloads:
  mqtt:
    image: sensors
    args: [picloud_sensors.broker]
    replicas: 1
    resources: {cpus: 0.1, memory_mb: 32, mbps: 1}
    read_only: true
    mounts: [{target: /tmp, type: tmpfs, size_mb: 1}]
    secrets: [{source: mqtt-password}]
    networks: [sensors]
    healthcheck: {test: [mosquitto_sub, -t, $SYS/broker/version, -C, "1", -W, "10"], interval_s: 10}

  sensor:
    image: sensors
    args: [picloud_sensors.sensor]
    # Its name: Swarm puts in the node's.
    env: {NODE: "{% raw %}{{.Node.Hostname}}{% endraw %}"}
    mode: global
    resources: {cpus: 0.05, memory_mb: 16}
    limits: {memory_mb: 32}
    read_only: true
    secrets: [{source: mqtt-password}]
    networks: [sensors]

  sensors:
    image: sensors
    args: [picloud_sensors.aggregator]
    # The broker keeps its messages by this name while it is restarted.
    env: {NODE: "{% raw %}{{.Task.Slot}}{% endraw %}"}
    replicas: 1
    resources: {cpus: 0.1, memory_mb: 48, mbps: 1}
    publish: [{published: 8020, target: 8080}]
    read_only: true
    secrets: [{source: mqtt-password}]
    networks: [sensors]
    healthcheck: {test: [busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/health"], interval_s: 10}
