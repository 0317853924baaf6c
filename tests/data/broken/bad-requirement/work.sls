container_images:
  web:
    tag: "1"
    archs: [armhf]
    build:
      suite: bookworm
      packages: [python3]
      pip: ["flask==3.0.0"]
