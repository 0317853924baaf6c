boards:
  pi1b:
    name: Raspberry Pi 1 Model B
    soc: BCM2835
    arch: armel
    ram_mb: [256, 512]
    cpus: 1
    ghz: 0.7
    nic_mbps: 100
    peak_ma: 700
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 600, over_voltage: 6}
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}
switches:
  gs116e: {name: Netgear GS116E, ports: 16, mbps: 1000, managed: false, poe_watts: 0}
hubs:
  usb7: {name: 7-port powered USB hub, ports: 7, supply_ma: 6000}
designs:
  lego14:
    towers: {left: 7, right: 7}
    switch: gs116e
    hubs: [usb7, usb7]       # hub n feeds tower n, in the order of towers
    wiring: by-slot          # switch port = running number of the slot, hub port = position
    power: hub               # hub | poe | supply
