# Names and time for every node.
network:
  nameservers: [10.80.0.1]
  ntp: [0.debian.pool.ntp.org, 1.debian.pool.ntp.org]
  hosts:
    gw.pi.example: 10.80.0.1
    head.pi.example: 10.80.0.2
