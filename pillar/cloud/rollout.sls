# How changed settings of parts reach nodes: canaries first, then rack by rack and site by site. docs/rollouts.md
rollout:
  # Nodes get changes of these by salt-run rollout.start only, and keep what they have until then. []: with the next highstate.
  parts: [docker]        # with several sites also: workloads
  canaries: []           # first of all; one node of each model when left out
  healthy_percent: 90    # of a wave, before the next one begins; of the canaries it is all
  soak_s: 300            # a wave runs for so long before it is looked at once more
