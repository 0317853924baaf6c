container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web, publish: [{published: 80}]}
  proxy: {image: web, publish: [{published: 80, target: 8080}]}
