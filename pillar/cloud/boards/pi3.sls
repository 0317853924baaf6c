# Raspberry Pi 3: four 64-bit cores. No preset beyond the default clocks is documented, so the defaults are the limit.
# How to read a board and where the figures come from: boards/pi1.sls.
boards:
  pi3b:
    name: Raspberry Pi 3 Model B
    soc: BCM2837
    arch: arm64
    ram_mb: [1024]
    cpus: 4
    ghz: 1.2
    nic_mbps: 100
    peak_ma: 1340             # measured under stress
    poe: false
    max_overclock: {arm_freq: 1200, core_freq: 400, sdram_freq: 450, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html

  pi3aplus:
    name: Raspberry Pi 3 Model A+
    soc: BCM2837B0
    arch: arm64
    ram_mb: [512]
    cpus: 4
    ghz: 1.4
    nic_mbps: 0               # Wi-Fi only
    peak_ma: 2500             # recommended supply
    poe: false
    max_overclock: {arm_freq: 1400, core_freq: 400, sdram_freq: 500, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 512}

  pi3bplus:
    name: Raspberry Pi 3 Model B+
    soc: BCM2837B0
    arch: arm64
    ram_mb: [1024]
    cpus: 4
    ghz: 1.4
    nic_mbps: 300             # a gigabit link behind USB 2
    peak_ma: 1300             # 2500 recommended - 1200 USB
    poe: true
    max_overclock: {arm_freq: 1400, core_freq: 400, sdram_freq: 500, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
