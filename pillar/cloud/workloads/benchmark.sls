# The programs that salt-run benchmark.run measures nodes with. docs/benchmark.md
container_images:
  benchmark:
    tag: "1"
    archs: [armel, armhf, arm64, amd64]     # amd64 is for the lab's containers
    build:
      suite: bookworm
      packages: [iperf3, sysbench]
