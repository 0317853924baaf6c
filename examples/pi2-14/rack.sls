# The rack. Serial and MAC tie a slot to one board; both may be left out. A Pi 2 makes its MAC of b8:27:eb and the last
# six digits of its serial.
racks:
  lego:
    site: lab
    design: lego14
    model: pi2b
    image: bookworm
    roles: [docker]
    nodes:
      left/1:  {id: pi01, address: 192.168.14.101, serial: "00000000e0000001", mac: "b8:27:eb:00:00:01"}
      left/2:  {id: pi02, address: 192.168.14.102, serial: "00000000e0000002", mac: "b8:27:eb:00:00:02"}
      left/3:  {id: pi03, address: 192.168.14.103, serial: "00000000e0000003", mac: "b8:27:eb:00:00:03"}
      left/4:  {id: pi04, address: 192.168.14.104, serial: "00000000e0000004", mac: "b8:27:eb:00:00:04"}
      left/5:  {id: pi05, address: 192.168.14.105, serial: "00000000e0000005", mac: "b8:27:eb:00:00:05"}
      left/6:  {id: pi06, address: 192.168.14.106, serial: "00000000e0000006", mac: "b8:27:eb:00:00:06"}
      left/7:  {id: pi07, address: 192.168.14.107, serial: "00000000e0000007", mac: "b8:27:eb:00:00:07"}
      right/1: {id: pi08, address: 192.168.14.108, serial: "00000000e0000008", mac: "b8:27:eb:00:00:08"}
      right/2: {id: pi09, address: 192.168.14.109, serial: "00000000e0000009", mac: "b8:27:eb:00:00:09"}
      right/3: {id: pi10, address: 192.168.14.110, serial: "00000000e000000a", mac: "b8:27:eb:00:00:0a"}
      right/4: {id: pi11, address: 192.168.14.111, serial: "00000000e000000b", mac: "b8:27:eb:00:00:0b"}
      right/5: {id: pi12, address: 192.168.14.112, serial: "00000000e000000c", mac: "b8:27:eb:00:00:0c"}
      right/6: {id: pi13, address: 192.168.14.113, serial: "00000000e000000d", mac: "b8:27:eb:00:00:0d"}
      right/7: {id: pi14, address: 192.168.14.114, serial: "00000000e000000e", mac: "b8:27:eb:00:00:0e"}
