# Rack 3 of the Glasgow Raspberry Pi Cloud: 14 Model B in two Lego towers, pi28..pi41.
racks:
  rack3:
    site: glasgow
    design: lego14
    model: pi1b
    image: bookworm
    roles: [swarm]
    nodes:
      left/1:  {id: pi28, address: 10.80.3.1, roles: [swarm-manager]}
      left/2:  {id: pi29, address: 10.80.3.2}
      left/3:  {id: pi30, address: 10.80.3.3}
      left/4:  {id: pi31, address: 10.80.3.4}
      left/5:  {id: pi32, address: 10.80.3.5}
      left/6:  {id: pi33, address: 10.80.3.6}
      left/7:  {id: pi34, address: 10.80.3.7}
      right/1: {id: pi35, address: 10.80.3.8}
      right/2: {id: pi36, address: 10.80.3.9}
      right/3: {id: pi37, address: 10.80.3.10}
      right/4: {id: pi38, address: 10.80.3.11}
      right/5: {id: pi39, address: 10.80.3.12}
      right/6: {id: pi40, address: 10.80.3.13}
      right/7: {id: pi41, address: 10.80.3.14}
