# A role picks parts (folders of salt/); a rack or a node lists the roles it has. Take a role away and the next highstate
# removes its parts again.
#   default: true   every node has it
#   keep            files and folders that its nodes keep when their card is swapped, as nodes may too (docs/keep.md)
#   count           any | odd | one: how many nodes of the whole cloud have it
#   spread          none | rack: its nodes are spread over the racks as evenly as can be
roles:
  pi: {default: true, parts: [base, boot, salt_minion]}
  docker: {parts: [docker]}
  swarm: {parts: [docker, swarm]}             # in the Docker swarm of its site
  swarm-manager: {parts: [docker, swarm]}     # leads it: one, three or five nodes at each site, in different racks
