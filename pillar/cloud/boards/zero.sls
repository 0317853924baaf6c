# Raspberry Pi Zero: no wired network; a USB adapter or Wi-Fi joins it to the cloud.
# How to read a board and where the figures come from: boards/pi1.sls.
boards:
  zero:
    name: Raspberry Pi Zero
    soc: BCM2835
    arch: armel
    ram_mb: [512]
    cpus: 1
    ghz: 1.0
    nic_mbps: 0
    peak_ma: 350              # measured under stress
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 400, sdram_freq: 450, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

  zerow:
    name: Raspberry Pi Zero W
    soc: BCM2835
    arch: armel
    ram_mb: [512]
    cpus: 1
    ghz: 1.0
    nic_mbps: 0               # Wi-Fi only
    peak_ma: 1200             # recommended supply
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 400, sdram_freq: 450, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

  zero2w:
    name: Raspberry Pi Zero 2 W
    soc: RP3A0
    arch: arm64
    ram_mb: [512]
    cpus: 4
    ghz: 1.0
    nic_mbps: 0               # Wi-Fi only
    peak_ma: 2000             # recommended supply
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 400, sdram_freq: 450, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 512}
