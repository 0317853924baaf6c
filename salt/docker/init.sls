# salt/docker/init.sls - Docker Engine at a pinned and held version, its configuration, the images wanted. Pillar: picloud:docker. Undo: docker.absent.
{%- from "docker/map.jinja" import docker, daemon with context %}
{%- from "docker/registry.jinja" import trust, login with context %}

docker-engine:
  dockerengine.installed:
    - name: {{ docker.package | yaml_dquote }}
    - version: {{ docker.version | yaml_dquote }}
    - blocked: {{ docker.blocked | json }}
    - also: {{ docker.also | json }}

docker-daemon:
  dockerdaemon.running:
    - config: {{ daemon | json }}
    - require:
      - dockerengine: docker-engine

# The registry of the site: who it must be, and how to log in. Both are put back where there is none any more.
docker-registry-trust:
  pifile.managed:
    - files: {{ trust | json }}
    - require:
      - dockerengine: docker-engine

docker-registry-login:
  pifile.managed:
    - files: {{ login | json }}
    - no_log: true
    - require:
      - pifile: docker-registry-trust
{%- for image in docker.images %}

docker-image-{{ image.name }}-{{ image.tag }}:
  dockerdaemon.image:
    - name: {{ image.name | yaml_dquote }}
    - tag: {{ image.tag | string | yaml_dquote }}
  {%- if image.get("archive") %}
    - load: {{ ("salt://docker/images/" ~ image.archive ~ "-" ~ grains["osarch"] ~ ".tar") | yaml_dquote }}
  {%- endif %}
    - require:
      - dockerdaemon: docker-daemon
      - pifile: docker-registry-login
{%- endfor %}
