# The cloud itself and the sites it has.
cloud:
  name: glasgow
  domain: pi.example
  timezone: Europe/London
  locale: en_GB.UTF-8

sites:
  glasgow:
    master: head.pi.example          # resolved through network.hosts
    subnet: 10.80.0.0/16
    ipv6: "fd00:c10d::/48"
    gateway: 10.80.0.1
    uplink_mbps: 100
    apt_cache: http://gw.pi.example:3142     # leave out where there is none
