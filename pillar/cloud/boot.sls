# config.txt and cmdline.txt of the boot partition. A change asks for a reboot (grain picloud:reboot_needed), it never does one.
boot:
  directory: /boot/firmware
  gpu_mem: 16             # MB for the graphics: the least, there is no screen
  cgroup_memory: true     # Docker needs it for memory limits
  overclock: {}           # arm_freq: 900 ... ; checked against max_overclock of each board
  config: {}              # further lines of config.txt, name: value
  cmdline: []             # further words of cmdline.txt
