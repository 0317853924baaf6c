# Name servers, time and names that every node knows without asking anybody. Neighbours in the rack are added by themselves.
network:
  nameservers: [10.80.0.1]
  ntp: [0.debian.pool.ntp.org, 1.debian.pool.ntp.org]
  hosts:
    gw.pi.example: 10.80.0.1
    head.pi.example: 10.80.0.2
