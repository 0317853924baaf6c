# Raspberry Pi 2: four cores, 1 GB. Version 1.1 is 32 bit (armhf), version 1.2 has the chip of the Pi 3 and runs arm64.
# How to read a board and where the figures come from: boards/pi1.sls.
boards:
  pi2b:
    name: Raspberry Pi 2 Model B
    soc: BCM2836
    arch: armhf
    ram_mb: [1024]
    cpus: 4
    ghz: 0.9
    nic_mbps: 100
    peak_ma: 820              # measured under stress
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 500, over_voltage: 2}     # preset High
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

  pi2b12:
    name: Raspberry Pi 2 Model B v1.2
    soc: BCM2837
    arch: arm64
    ram_mb: [1024]
    cpus: 4
    ghz: 0.9
    nic_mbps: 100
    peak_ma: 820              # not measured apart: the figure of v1.1
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 500, over_voltage: 2}     # preset High
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}
