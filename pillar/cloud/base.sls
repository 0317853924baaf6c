# The operating system of every node. Boards, sites, racks and nodes may override any of it (overrides: {base: {...}}).
base:
  admins: {}     # jane: {keys: ["ssh-ed25519 AAAA... jane@laptop"], sudo: true}
  swap_mb: 0     # 1 GB on the Pi 1, 2 and Zero comes from their boards/*.sls
  journal: {ram_mb: 16, forward_to_syslog: false}      # the journal stays in RAM: cards wear out
  packages: []   # further Debian packages
