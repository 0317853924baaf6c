# salt/docker/absent.sls - Docker Engine gone: containers stopped and deleted with all images, packages purged, pin, hold and daemon.json removed.
# Volumes are people's data and stay in /var/lib/docker/volumes. Redo: docker.
{%- from "docker/map.jinja" import docker with context %}

docker-absent:
  dockerengine.absent:
    - name: {{ docker.package | yaml_dquote }}
    - packages: {{ docker.purge | json }}
