container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web, resources: {memory_mb: 64}, limits: {memory_mb: 32}}
