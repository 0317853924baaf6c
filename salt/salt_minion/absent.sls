# salt/salt_minion/absent.sls - the minion's configuration as it was before us. The minion itself stays, at its version: nobody could undo that. Redo: salt_minion.

salt_minion-absent:
  saltminion.unconfigured: []
