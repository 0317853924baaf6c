# Apache Spark: a master, workers, and a job that counts words. For boards with 1 GB and 64 bits, which the shipped cloud has none
# of: copy this file into pillar/cloud/workloads/ of one that has, then salt-run image.build spark. docs/spark.md
{% set spark = "/usr/local/lib/python3.11/dist-packages/pyspark" %}
container_images:
  spark:
    tag: "3.5.9"
    archs: [arm64, amd64]                   # amd64 is for the lab's containers
    build:
      suite: bookworm
      packages: [default-jre-headless, procps, python3]
      pip:
        - pyspark==3.5.9 --hash=sha256:ea27adc39ddac9413b8951e45aa748cbed6c785971b81386efc41938f6243d93
        - py4j==0.10.9.7 --hash=sha256:85defdfd2b2376eb3abf5ca6474b51ab7e0de341c75a02f46dc9b5976f5a5c1b
      # Half of Spark is for Kubernetes, Mesos, Hive, machine learning, state on disk and Scala's shell: what a program of yours needs of
      # that, take out here.
      exclude:
        {% for jar in (
            "algebra", "arpack", "breeze", "cats-kernel", "datanucleus", "derby", "hive-exec", "hive-metastore", "hive-service-rpc",
            "JTransforms", "kubernetes", "mesos", "rocksdbjni", "scala-compiler", "spark-hive", "spark-kubernetes",
            "spark-mesos", "spark-mllib", "spire",
        ) %}
        - "{{ spark }}/jars/{{ jar }}*"
        {% endfor %}
        - {{ spark }}/data
        - {{ spark }}/examples
      files:
        /srv/spark/picloud_spark/__init__.py: {source: /srv/picloud/salt/workloads/picloud_spark/__init__.py}
        /srv/spark/picloud_spark/start.py: {source: /srv/picloud/salt/workloads/picloud_spark/start.py}
        /srv/spark/picloud_spark/wordcount.py: {source: /srv/picloud/salt/workloads/picloud_spark/wordcount.py}
        /srv/spark/picloud_spark/words.py: {source: /srv/picloud/salt/workloads/picloud_spark/words.py}
      env:
        SPARK_HOME: {{ spark }}
        PYTHONPATH: /srv/spark
        PYTHONUNBUFFERED: "1"
        SPARK_DAEMON_MEMORY: 96m
        SPARK_DAEMON_JAVA_OPTS: -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=32m -Xss512k
        # A new master has another address: ask for it each time, and wait no longer than seconds for the old one. Files of a job that is
        # over go from the card within two hours.
        SPARK_WORKER_OPTS: >-
          -Dspark.worker.preferConfiguredMasterAddress=true -Dsun.net.inetaddr.ttl=1 -Dspark.rpc.io.connectionCreationTimeout=5s
          -Dspark.worker.cleanup.enabled=true -Dspark.worker.cleanup.appDataTtl=3600
      user: nobody
      workdir: /tmp
      entrypoint: [python3, -m]

overlays:
  spark: {}

workloads:
  spark-master:
    image: spark
    args: [picloud_spark.start, master]
    replicas: 1
    resources: {cpus: 0.2, memory_mb: 256, mbps: 1}
    read_only: true
    mounts: [{target: /tmp}]                # a volume of its own: what is written does not stay
    networks: [spark]

  spark-worker:
    image: spark
    args: [picloud_spark.start, worker]
    env: {NODE: "{% raw %}{{.Node.Hostname}}{% endraw %}", CORES: "1", MEMORY: 512m}
    replicas: 2
    resources: {cpus: 0.8, memory_mb: 832, mbps: 10}
    placement: {max_per_node: 1}
    read_only: true
    mounts: [{target: /tmp}]
    networks: [spark]

  spark-count:                              # counts once; another text or another image, and it counts again
    image: spark
    mode: job
    args: [picloud_spark.wordcount, "/usr/share/common-licenses/*"]
    resources: {cpus: 0.2, memory_mb: 704, mbps: 10}
    restart: {condition: on-failure, delay_s: 10, max_attempts: 10}
    read_only: true
    mounts: [{target: /tmp}]
    networks: [spark]
