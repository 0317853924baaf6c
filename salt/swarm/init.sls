# salt/swarm/init.sls - this node in the Docker swarm of its site; on the manager that leads also what all members share. Pillar: picloud:swarm. Undo: swarm.absent.
# A node that is in no swarm fails here until the master has given it a token: salt-run swarm.join nodes=<id>. A rejoin does that
# by itself, after the highstate that brings Docker Engine (pillar picloud_rejoin: true).
{%- from "swarm/map.jinja" import swarm, address, leads with context %}
{%- if leads %}

include:
  - swarm.leader
  - swarm.workloads
  - swarm.applied
{%- endif %}

swarm-member:
{%- if swarm.begin %}
  swarm.initialised:
    - advertise_addr: {{ address | json }}
    - settings: {{ swarm.settings | json }}
{%- else %}
  swarm.joined:
    - managers: {{ swarm.managers | json }}
    - role: {{ swarm.role | json }}
    - token: {{ swarm.token | json }}
    - advertise_addr: {{ address | json }}
    - later: {{ pillar.get("picloud_rejoin", false) | json }}
{%- endif %}
