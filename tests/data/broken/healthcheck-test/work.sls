container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web:
    image: web
    healthcheck: {test: [CMD-SHELL, wget -q localhost]}
