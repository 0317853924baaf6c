# Raspberry Pi 5.
# How to read a board and where the figures come from: boards/pi1.sls.
boards:
  pi5:
    name: Raspberry Pi 5
    soc: BCM2712
    arch: arm64
    ram_mb: [1024, 2048, 4096, 8192, 16384]
    cpus: 4
    ghz: 2.4
    nic_mbps: 1000
    peak_ma: 2400             # a 3 A supply, which leaves 600 to the USB ports
    poe: true
    max_overclock: {arm_freq: 2400, core_freq: 910}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
