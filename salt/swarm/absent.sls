# salt/swarm/absent.sls - this node out of its Docker swarm; what ran on it runs elsewhere, volumes stay. Redo: swarm.
# A manager is made a worker by the manager that leads, in the first highstate there without the role; only then it leaves.

swarm-left:
  swarm.left: []
