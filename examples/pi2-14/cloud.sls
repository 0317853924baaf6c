# The cloud, its one site and its network. First thing to change in a copy.
cloud:
  name: pi2
  domain: pi2.example
  timezone: Europe/London
  locale: en_GB.UTF-8

sites:
  lab:
    master: master.pi2.example       # resolved through network.hosts
    subnet: 192.168.14.0/24
    gateway: 192.168.14.1

network:
  nameservers: [192.168.14.1]
  ntp: [0.debian.pool.ntp.org, 1.debian.pool.ntp.org]
  hosts:
    master.pi2.example: 192.168.14.2
