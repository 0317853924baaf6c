container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web:
    image: web
    configs:
      page: {target: /srv/index.html, contents: hello, mode: "644"}
