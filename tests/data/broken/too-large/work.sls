{% set page = "x" * 600000 %}
container_images:
  web: {tag: "1", archs: [armhf]}
workloads:
  web:
    image: web
    configs:
      page:
        target: /page
        contents: {{ page }}
