# What the master does by itself when a node comes back after its card or board was swapped. docs/rejoin.md
rejoin:
  admit: issued          # cards made by salt-run card.prepare get in by themselves, once; nobody: each is adopted by hand
  boards: learn          # another board in a slot becomes the node's; confirm: an admin says yes first
  at_once: {rack: 14, hub: 7, site: 56}
  tries: 3               # then a node is set aside: salt-run rejoin.status
