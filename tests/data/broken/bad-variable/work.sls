container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web, env: {LOG-LEVEL: debug}}
