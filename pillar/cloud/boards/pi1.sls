# Raspberry Pi of the first generation: one ARMv6 core, Debian's armel. How to read a board, for all files of this folder:
#   arch          Debian's name of the architecture the board runs
#   ram_mb        every size the model was sold with; the smallest counts until a node says its own (ram_mb)
#   nic_mbps      what the wired network interface carries; 0 = none on the board
#   peak_ma       current at 5 V to plan supplies with, nothing plugged into the USB ports. Taken from the power supply page:
#                 the highest current measured under stress; else recommended supply less the USB ports' share; else the
#                 recommended supply. Put in your own measurement when you have one
#   poe           has the header for a PoE HAT
#   max_overclock the highest values the makers document (raspi-config presets, defaults table). boot.overclock is checked
#                 against it: a value above, or an option that is not listed, is a fault
#   overrides     what boards of this model want otherwise than base/boot/docker/salt_minion say
# Sources: SoC, RAM, network: raspberrypi/documentation, raspberry-pi/introduction.adoc; current: raspberry-pi/power-supplies.adoc;
# clocks: config_txt/overclocking.adoc; presets: RPi-Distro/raspi-config, do_overclock.
boards:
  pi1a:
    name: Raspberry Pi 1 Model A
    soc: BCM2835
    arch: armel
    ram_mb: [256]
    cpus: 1
    ghz: 0.7
    nic_mbps: 0
    peak_ma: 200              # 700 recommended - 500 USB
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 600, over_voltage: 6}     # preset Turbo
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

  pi1b:
    name: Raspberry Pi 1 Model B
    soc: BCM2835
    arch: armel
    ram_mb: [256, 512]        # 512 since October 2012
    cpus: 1
    ghz: 0.7
    nic_mbps: 100
    peak_ma: 700              # 1200 recommended - 500 USB
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 600, over_voltage: 6}     # preset Turbo
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

  pi1aplus:
    name: Raspberry Pi 1 Model A+
    soc: BCM2835
    arch: armel
    ram_mb: [256, 512]
    cpus: 1
    ghz: 0.7
    nic_mbps: 0
    peak_ma: 200              # 700 recommended - 500 USB
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 600, over_voltage: 6}     # preset Turbo
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}

  pi1bplus:
    name: Raspberry Pi 1 Model B+
    soc: BCM2835
    arch: armel
    ram_mb: [512]
    cpus: 1
    ghz: 0.7
    nic_mbps: 100
    peak_ma: 350              # measured under stress
    poe: false
    max_overclock: {arm_freq: 1000, core_freq: 500, sdram_freq: 600, over_voltage: 6}     # preset Turbo
    source: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html
    overrides:
      base: {swap_mb: 1024}
