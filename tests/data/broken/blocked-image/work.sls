container_images:
  web:
    tag: 1.7.0
    archs: [armhf]
    blocked:
      - {tag: "1.7*", reason: every container fails to start, use: 1.6.2 or 1.8}
