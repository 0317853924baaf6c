# The Glasgow Raspberry Pi Cloud: 56 Model B in four Lego racks, built at the University of Glasgow from 2012
# (Tso, White, Jouet, Singer, Pezaros: The Glasgow Raspberry Pi Cloud, ICDCS Workshops 2013, doi 10.1109/ICDCSW.2013.25).
# All *.sls files of this folder are read as one description; which file an entry stands in does not matter.
# After a change: make validate (or salt-run picloud.validate), then salt '*' state.highstate.
cloud:
  name: glasgow
  domain: pi.example                 # a node's full name is <id>.<domain>
  timezone: Europe/London
  locale: en_GB.UTF-8

# A site is one place with one master. Each has its own subnet; every address of its nodes lies in it.
sites:
  glasgow:
    master: head.pi.example          # resolved through network.hosts
    subnet: 10.80.0.0/16             # rack k has 10.80.k.1 to 10.80.k.14
    ipv6: "fd00:c10d::/48"
    gateway: 10.80.0.1
    uplink_mbps: 100
    apt_cache: http://gw.pi.example:3142     # an apt-cacher-ng; leave out where there is none
