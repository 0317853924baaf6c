racks:
  rack1:
    site: glasgow
    design: lego14
    model: pi1b            # what every node of the rack is, unless a node says otherwise
    image: bookworm
    roles: [docker]
    nodes:
      left/1: {id: pi0, address: 10.80.1.1}
      left/2: {id: pi1, address: 10.80.1.2}
