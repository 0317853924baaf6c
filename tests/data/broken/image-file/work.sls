container_images:
  web:
    tag: "1"
    archs: [armhf]
    build:
      suite: bookworm
      files:
        /srv/index.html: {mode: "0644"}
