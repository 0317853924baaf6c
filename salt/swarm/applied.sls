# salt/swarm/applied.sls - the swarm remembers what was last applied to it in full: what differs later was changed by hand. Only on the manager that leads.
# Pillar: picloud. Undo: none; it is a label of the swarm and goes with it.

swarm-applied:
  swarmwork.applied:
    - digest: {{ salt["swarmwork.digest"](pillar["picloud"]) | json }}
    - require:
      - sls: swarm.leader
      - sls: swarm.workloads
