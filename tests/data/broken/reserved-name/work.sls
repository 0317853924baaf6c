overlays:
  ingress: {internal: true}
