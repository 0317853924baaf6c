racks:
  rack2:
    site: lab
    design: shelf
    model: pi2b
    image: bookworm
    roles: [docker]
    nodes:
      left/1:  {id: pi3, address: 10.80.2.1, mac: "b8:27:eb:00:01:01", serial: "00000000e0001001"}
      left/2:  {id: pi4, address: 10.80.2.2, mac: "b8:27:eb:00:01:02", serial: "00000000e0001002"}
      right/1: {id: pi5, address: 10.80.2.3}
