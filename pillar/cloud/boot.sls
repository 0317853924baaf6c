boot:
  directory: /boot/firmware
  gpu_mem: 16
  cgroup_memory: true
  overclock: {}
  config: {}
  cmdline: []
