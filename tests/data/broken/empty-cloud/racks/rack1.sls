racks:
  rack1:
    site: lab
    design: shelf
    model: pi2b
    image: bookworm
    roles: [docker]
    nodes: {}
