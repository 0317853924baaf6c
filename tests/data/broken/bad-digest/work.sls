container_images:
  web: {tag: "1", archs: [armhf], digest: "sha256:abc"}
