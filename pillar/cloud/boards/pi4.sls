# Raspberry Pi 4 and 400. The memory clock cannot be changed from here on; 1800 MHz is what arm_boost gives a 4 B of revision 1.4.
# How to read a board and where the figures come from: boards/pi1.sls.
boards:
  pi4b:
    name: Raspberry Pi 4 Model B
    soc: BCM2711
    arch: arm64
    ram_mb: [1024, 2048, 4096, 8192]
    cpus: 4
    ghz: 1.5
    nic_mbps: 1000
    peak_ma: 1250             # measured under stress
    poe: true
    max_overclock: {arm_freq: 1800, core_freq: 550, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html

  pi400:
    name: Raspberry Pi 400
    soc: BCM2711
    arch: arm64
    ram_mb: [4096]
    cpus: 4
    ghz: 1.8
    nic_mbps: 1000
    peak_ma: 1800             # 3000 recommended - 1200 USB
    poe: false
    max_overclock: {arm_freq: 1800, core_freq: 550, over_voltage: 0}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
