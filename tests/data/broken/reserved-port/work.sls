container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  git: {image: web, publish: [{published: 22}]}
