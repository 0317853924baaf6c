container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web, mode: global, replicas: 3}
