# Rack 1 of the Glasgow Raspberry Pi Cloud: 14 Model B in two Lego towers, pi0..pi13.
# A board is learned when it first joins, so a node needs no more than its id. To tie a slot to one board, add
# serial: "00000000a3c1d2e4" and mac: "b8:27:eb:c1:d2:e4" to its line. What a line does not say, the rack says.
racks:
  rack1:
    site: glasgow
    design: lego14
    model: pi1b               # what every node of the rack is, unless a node says otherwise
    image: bookworm
    roles: [swarm]            # beside the roles marked default in roles.sls
    nodes:
      left/1:  {id: pi0, address: 10.80.1.1, roles: [swarm-manager]}
      left/2:  {id: pi1, address: 10.80.1.2}
      left/3:  {id: pi2, address: 10.80.1.3}
      left/4:  {id: pi3, address: 10.80.1.4}
      left/5:  {id: pi4, address: 10.80.1.5}
      left/6:  {id: pi5, address: 10.80.1.6}
      left/7:  {id: pi6, address: 10.80.1.7}
      right/1: {id: pi7, address: 10.80.1.8}
      right/2: {id: pi8, address: 10.80.1.9}
      right/3: {id: pi9, address: 10.80.1.10}
      right/4: {id: pi10, address: 10.80.1.11}
      right/5: {id: pi11, address: 10.80.1.12}
      right/6: {id: pi12, address: 10.80.1.13}
      right/7: {id: pi13, address: 10.80.1.14}
