container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web: {image: web, placement: {sites: [lab, annexe]}}
