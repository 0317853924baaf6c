racks:
  rack1:
    site: lab
    design: shelf
    model: pi2b
    image: bookworm
    roles: [docker]
    nodes:
      left/1:  {id: pi0, roles: [swarm-manager], address: 10.80.1.1, mac: "b8:27:eb:00:00:01", serial: "00000000e0000001"}
      left/2:  {id: pi1, address: 10.80.1.2, mac: "b8:27:eb:00:00:02", serial: "00000000e0000002"}
      right/1: {id: pi2, address: 10.80.1.3}
