base: {swap_mb: 1024}

boot: {gpu_mem: 16, overclock: {arm_freq: 900}}

docker:
  version: "20.10.24*"
  blocked:
    - version: "1.7.0-1*"
      archs: [armel, armhf]
      reason: every container failed to start on ARM
      use: 1.6.2-1 or 1.7.1-1 and later
  daemon:
    log-opts: {max-file: "2"}
  images:
    - {name: picloud/busybox, tag: "1.35", archive: busybox-1.35}

salt_minion: {version: "3008.3"}
