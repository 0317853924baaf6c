container_images:
  web: {tag: "1", archs: [arm64]}
workloads:
  web: {image: web, placement: {models: [pi2b]}}
