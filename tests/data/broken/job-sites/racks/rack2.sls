racks:
  rack2:
    site: annexe
    design: shelf
    model: pi2b
    image: bookworm
    roles: [docker]
    nodes:
      left/1:  {id: pi3, roles: [swarm-manager], address: 10.81.1.1, mac: "b8:27:eb:00:00:11", serial: "00000000e0000011"}
      left/2:  {id: pi4, address: 10.81.1.2, mac: "b8:27:eb:00:00:12", serial: "00000000e0000012"}
      right/1: {id: pi5, address: 10.81.1.3}
