# A role picks parts (folders of salt/). Every node has the roles marked default.
roles:
  pi: {default: true, parts: [base, boot, salt_minion]}
  docker: {parts: [docker]}
  # count: any | one | odd ; spread: none | rack   (checked over the whole cloud)
