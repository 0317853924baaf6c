# salt/swarm/leader.sls - the settings of the swarm, and its nodes: labels, roles, availability, entries of swapped cards gone. Only on the manager that leads.
# Pillar: picloud:swarm. Undo: none; a node leaves with swarm.absent.
{%- from "swarm/map.jinja" import swarm, address with context %}

swarm-settings:
  swarm.initialised:
    - advertise_addr: {{ address | json }}
    - settings: {{ swarm.settings | json }}

swarm-nodes:
  swarmnode.members:
    - nodes: {{ swarm.nodes | json }}
