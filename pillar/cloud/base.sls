base:
  admins: {}     # jane: {keys: ["ssh-ed25519 AAAA... jane@laptop"], sudo: true}
  swap_mb: 0
  journal: {ram_mb: 16, forward_to_syslog: false}
  packages: []
