# salt/registry/init.sls - the registry of a master, and what builds images for it. Applied to the master itself by `salt-run image.registry`. Pillar: registry. Undo: registry.absent.
# Debian's own service runs, with our configuration in the place of its own.
{%- from "registry/map.jinja" import registry, config, dropin with context %}
{%- set folder = registry.folder %}

registry-folder:
  file.directory:
    - name: {{ folder | yaml_dquote }}
    - makedirs: true
    - mode: "0755"

registry-config:
  file.serialize:
    - name: {{ (folder ~ "/config.yml") | yaml_dquote }}
    - dataset: {{ config | json }}
    - serializer: yaml
    - mode: "0644"
    - require:
      - file: registry-folder

registry-unit:
  file.managed:
    - name: /etc/systemd/system/docker-registry.service.d/picloud.conf
    - contents: {{ dropin | yaml_dquote }}
    - makedirs: true
    - mode: "0644"

# After its configuration: the package starts the service, and so never with Debian's defaults.
registry-packages:
  pkg.installed:
    - pkgs: {{ registry.packages | json }}
    - install_recommends: false
    - require:
      - file: registry-config
      - file: registry-unit

# The key of the authority never leaves this machine, nor this file.
registry-ca-key:
  x509.private_key_managed:
    - name: {{ (folder ~ "/ca.key") | yaml_dquote }}
    - algo: ec
    - keysize: 256
    - mode: "0600"
    - require:
      - file: registry-folder

registry-ca:
  x509.certificate_managed:
    - name: {{ (folder ~ "/ca.crt") | yaml_dquote }}
    - signing_private_key: {{ (folder ~ "/ca.key") | yaml_dquote }}
    - CN: {{ ("Registry of " ~ registry.names[0]) | yaml_dquote }}
    - basicConstraints: "critical, CA:true, pathlen:0"
    - keyUsage: "critical, keyCertSign, cRLSign"
    - subjectKeyIdentifier: hash
    - days_valid: 7300
    - days_remaining: 365
    - mode: "0644"
    - require:
      - x509: registry-ca-key

registry-key:
  x509.private_key_managed:
    - name: {{ (folder ~ "/server.key") | yaml_dquote }}
    - algo: ec
    - keysize: 256
    - user: root
    - group: {{ registry.account | yaml_dquote }}
    - mode: "0640"
    - require:
      - pkg: registry-packages

registry-certificate:
  x509.certificate_managed:
    - name: {{ (folder ~ "/server.crt") | yaml_dquote }}
    - signing_private_key: {{ (folder ~ "/ca.key") | yaml_dquote }}
    - signing_cert: {{ (folder ~ "/ca.crt") | yaml_dquote }}
    - private_key: {{ (folder ~ "/server.key") | yaml_dquote }}
    - CN: {{ registry.names[0] | yaml_dquote }}
    - subjectAltName: {{ registry.san | json }}
    - basicConstraints: "critical, CA:false"
    - keyUsage: "critical, digitalSignature"
    - extendedKeyUsage: serverAuth
    - authorityKeyIdentifier: keyid
    - days_valid: 730
    - days_remaining: 180
    - mode: "0644"
    - require:
      - x509: registry-ca
      - x509: registry-key

registry-storage:
  file.directory:
    - name: {{ registry.storage | yaml_dquote }}
    - user: {{ registry.account | yaml_dquote }}
    - group: {{ registry.account | yaml_dquote }}
    - mode: "0750"
    - makedirs: true
    - require:
      - pkg: registry-packages

# The login of the nodes: 256 bits of chance. Take both files away to have another one made.
registry-login:
  cmd.script:
    - source: salt://registry/files/login
    - args: {{ [folder, registry.user, registry.account] | join(" ") | yaml_dquote }}
    - creates:
      - {{ (folder ~ "/password") | yaml_dquote }}
      - {{ (folder ~ "/htpasswd") | yaml_dquote }}
    - require:
      - pkg: registry-packages

registry-service:
  service.running:
    - name: docker-registry
    - enable: true
    - require:
      - file: registry-storage
    - watch:
      - file: registry-config
      - file: registry-unit
      - x509: registry-certificate
      - cmd: registry-login

registry-timer:
  file.managed:
    - names:
      {%- for kind in ("service", "timer") %}
      - {{ ("/etc/systemd/system/picloud-registry." ~ kind) | yaml_dquote }}:
        - source: {{ ("salt://registry/files/picloud-registry." ~ kind) | yaml_dquote }}
      {%- endfor %}
    - mode: "0644"

registry-renewal:
  service.running:
    - name: picloud-registry.timer
    - enable: true
    - require:
      - service: registry-service
    - watch:
      - file: registry-timer
