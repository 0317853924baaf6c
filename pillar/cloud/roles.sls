# A role picks parts (folders of salt/); a rack or a node lists the roles it has. Take a role away and the next highstate
# removes its parts again.
#   default: true   every node has it
#   count           any | one | odd: how many nodes of the whole cloud may have it
#   spread          none | rack: where there are several racks, its nodes must not all stand in the same one
roles:
  pi: {default: true, parts: [base, boot, salt_minion]}
  docker: {parts: [docker]}
