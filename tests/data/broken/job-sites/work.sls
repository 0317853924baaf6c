container_images:
  sums: {tag: "1", archs: [armhf]}
workloads:
  sums: {image: sums, mode: job, replicas: 8, max_concurrent: 1}
