container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web, args: ["a\0b"]}
