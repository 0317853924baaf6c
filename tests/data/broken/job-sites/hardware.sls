boards:
  pi2b:
    name: Raspberry Pi 2 Model B
    soc: BCM2836
    arch: armhf
    ram_mb: 1024
    cpus: 4
    ghz: 0.9
    nic_mbps: 100
    peak_ma: 820
    max_overclock: {arm_freq: 1000, over_voltage: 2}

switches:
  gs105: {ports: 5, mbps: 1000}

hubs:
  usb4: {ports: 4, supply_ma: 3000}

designs:
  shelf:
    towers: {left: 2, right: 2}
    switch: gs105
    hubs: [usb4, usb4]
