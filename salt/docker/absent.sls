# salt/docker/absent.sls - Docker Engine gone: containers stopped and deleted with all images, packages purged, pin, hold and daemon.json removed.
# Volumes are people's data and stay in /var/lib/docker/volumes. Redo: docker.
{%- from "docker/map.jinja" import docker with context %}

docker-absent:
  dockerengine.absent:
    - name: {{ docker.package | yaml_dquote }}
    - packages: {{ docker.purge | json }}

docker-registry-trust-absent:
  pifile.absent:
    - name: docker-registry-trust
    - require:
      - dockerengine: docker-absent

docker-registry-login-absent:
  pifile.absent:
    - name: docker-registry-login
    - no_log: true
    - require:
      - dockerengine: docker-absent
