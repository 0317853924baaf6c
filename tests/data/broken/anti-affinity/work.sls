container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web}
  agent: {image: web, mode: global, placement: {anti_affinity: [web]}}
