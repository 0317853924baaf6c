# The Docker swarm of each site. Its members have the role swarm; one, three or five of them, in different racks, have
# swarm-manager as well. docs/swarm.md
swarm:
  default_addr_pool: [10.128.0.0/9]     # subnets of networks between containers; fixed once the swarm has begun
