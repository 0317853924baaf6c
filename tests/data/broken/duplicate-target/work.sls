container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web:
    image: web
    mounts:
      - {target: /srv, source: pages}
      - {target: /srv, type: tmpfs}
