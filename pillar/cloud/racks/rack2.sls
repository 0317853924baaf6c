# Rack 2 of the Glasgow Raspberry Pi Cloud: 14 Model B in two Lego towers, pi14..pi27.
racks:
  rack2:
    site: glasgow
    design: lego14
    model: pi1b
    image: bookworm
    roles: [swarm]
    nodes:
      left/1:  {id: pi14, address: 10.80.2.1, roles: [swarm-manager]}
      left/2:  {id: pi15, address: 10.80.2.2}
      left/3:  {id: pi16, address: 10.80.2.3}
      left/4:  {id: pi17, address: 10.80.2.4}
      left/5:  {id: pi18, address: 10.80.2.5}
      left/6:  {id: pi19, address: 10.80.2.6}
      left/7:  {id: pi20, address: 10.80.2.7}
      right/1: {id: pi21, address: 10.80.2.8}
      right/2: {id: pi22, address: 10.80.2.9}
      right/3: {id: pi23, address: 10.80.2.10}
      right/4: {id: pi24, address: 10.80.2.11}
      right/5: {id: pi25, address: 10.80.2.12}
      right/6: {id: pi26, address: 10.80.2.13}
      right/7: {id: pi27, address: 10.80.2.14}
