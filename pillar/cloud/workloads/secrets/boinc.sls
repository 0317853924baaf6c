# The project that the nodes work for: its URL and a (weak) account key, here encrypted, see docs/boinc.md; or none.
secrets:
  boinc-project: {contents: none}
