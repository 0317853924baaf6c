# What the rack is built from.
boards:
  pi2b:
    name: Raspberry Pi 2 Model B
    soc: BCM2836
    arch: armhf
    ram_mb: [1024]
    cpus: 4
    ghz: 0.9
    nic_mbps: 100
    peak_ma: 820              # highest current measured under stress, nothing plugged into the USB ports
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 500, over_voltage: 2}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

switches:
  gs116e: {name: Netgear GS116E, ports: 16, mbps: 1000, managed: false, poe_watts: 0}

hubs:
  usb7: {name: 7-port USB hub with its own supply, ports: 7, supply_ma: 6000}

designs:
  lego14:
    towers: {left: 7, right: 7}
    switch: gs116e
    hubs: [usb7, usb7]
    wiring: by-slot
    power: hub
