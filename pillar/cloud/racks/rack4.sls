# Rack 4 of the Glasgow Raspberry Pi Cloud: 14 Model B in two Lego towers, pi42..pi55.
racks:
  rack4:
    site: glasgow
    design: lego14
    model: pi1b
    image: bookworm
    roles: [swarm]
    nodes:
      left/1:  {id: pi42, address: 10.80.4.1}
      left/2:  {id: pi43, address: 10.80.4.2}
      left/3:  {id: pi44, address: 10.80.4.3}
      left/4:  {id: pi45, address: 10.80.4.4}
      left/5:  {id: pi46, address: 10.80.4.5}
      left/6:  {id: pi47, address: 10.80.4.6}
      left/7:  {id: pi48, address: 10.80.4.7}
      right/1: {id: pi49, address: 10.80.4.8}
      right/2: {id: pi50, address: 10.80.4.9}
      right/3: {id: pi51, address: 10.80.4.10}
      right/4: {id: pi52, address: 10.80.4.11}
      right/5: {id: pi53, address: 10.80.4.12}
      right/6: {id: pi54, address: 10.80.4.13}
      right/7: {id: pi55, address: 10.80.4.14}
