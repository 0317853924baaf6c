container_images:
  web:
    tag: "1"
    archs: [armhf]
    build: {suite: bookworm}
    copy_of: docker.io/library/nginx:1
