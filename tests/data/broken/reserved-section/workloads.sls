workloads: {web: {image: nginx}}
