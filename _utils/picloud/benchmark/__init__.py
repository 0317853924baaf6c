"""The benchmark of nodes: what is measured and how, which nodes, and what results say."""
