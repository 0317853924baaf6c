# salt/registry/absent.sls - undo registry: nothing is served, certificate and login are gone. Images stay in the registry's folder, packages stay. Redo: registry.
{%- from "registry/map.jinja" import registry with context %}

registry-renewal-absent:
  service.dead:
    - name: picloud-registry.timer
    - enable: false

registry-service-absent:
  service.dead:
    - name: docker-registry
    - enable: false

registry-files-absent:
  file.absent:
    - names: {{ [
        registry.folder,
        "/etc/systemd/system/docker-registry.service.d/picloud.conf",
        "/etc/systemd/system/picloud-registry.service",
        "/etc/systemd/system/picloud-registry.timer",
      ] | json }}
    - require:
      - service: registry-renewal-absent
      - service: registry-service-absent
