# What racks are built from: switches, USB hubs and rack designs. Boards are in boards/, one file a generation.

switches:
  gs116e:
    name: Netgear GS116E
    ports: 16
    mbps: 1000
    managed: false            # no SNMP, so nobody can ask it which board sits on which port
    poe_watts: 0

hubs:
  usb7:
    name: 7-port USB hub with its own supply
    ports: 7
    supply_ma: 6000           # read yours off the label: the sum of peak_ma of the boards on it must fit

designs:
  # Glasgow's Lego rack: two towers of seven slots, one USB hub feeding each, one switch on top.
  # Slots are named tower/position and counted from the bottom: left/1 .. left/7, right/1 .. right/7.
  lego14:
    towers: {left: 7, right: 7}
    switch: gs116e
    hubs: [usb7, usb7]        # hub n feeds tower n, in the order of towers
    wiring: by-slot           # switch port = running number of the slot, hub port = position in the tower
    power: hub                # hub | poe | supply
