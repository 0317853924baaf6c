container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web:
    image: web
    replicas: 4
    resources: {memory_mb: 600, mbps: 20}
