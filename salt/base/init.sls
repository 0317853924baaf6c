# salt/base/init.sls - the operating system of a node: names, time, admins, sshd, swap, logs, apt. Pillar: picloud. Undo: base.absent.
{%- import "base/map.jinja" as map with context %}

base-names:
  pifile.managed:
    - files: {{ map.names | json }}

base-hostname:
  pihost.hostname:
    - name: {{ map.node.id | yaml_dquote }}

base-system:
  pihost.system:
    - suite: {{ map.image.suite | yaml_dquote }}
    - arch: {{ map.view.board.arch | yaml_dquote }}

base-apt:
  pifile.managed:
    - files: {{ map.apt | json }}
    - require:
      - pihost: base-system

base-packages:
  pihost.packages:
    - pkgs: {{ map.packages | json }}
    - require:
      - pifile: base-names
      - pifile: base-apt

base-timezone:
  pifile.managed:
    - files: {{ map.timezone | json }}
    - apply:
      - [test, -e, /etc/localtime]
    - require:
      - pihost: base-packages

base-locale:
  pifile.managed:
    - files: {{ map.locale | json }}
    - apply:
      - [locale-gen, --keep-existing]
    - require:
      - pihost: base-packages

base-time:
  pifile.managed:
    - files: {{ map.time | json }}
    - apply:
      - [systemctl, try-restart, systemd-timesyncd.service]
    - require:
      - pihost: base-packages

base-host-keys:
  pihost.own_host_keys:
    - name: {{ map.node.id | yaml_dquote }}
    - shared: {{ map.ssh.get("shared_host_keys", []) | json }}
    - apply: {{ map.reload_sshd | json }}
    - require:
      - pihost: base-packages

base-admins:
  piadmin.managed:
    - admins: {{ map.base.get("admins", {}) | json }}
    - require:
      - pihost: base-packages

base-sshd-include:
  pihost.sshd_include:
    - name: /etc/ssh/sshd_config
    - apply: {{ map.reload_sshd | json }}
    - require:
      - pihost: base-host-keys

# After the admins: nobody is left without a key when passwords stop to work.
base-sshd:
  pifile.managed:
    - files:
        /etc/ssh/sshd_config.d/00-picloud.conf:
          contents: {{ map.sshd | yaml_dquote }}
    - check: [sh, -c, "mkdir -p /run/sshd && exec sshd -t -f '{file}'"]
    - apply: {{ (map.reload_sshd + map.sshd_in_force) | json }}
    - require:
      - piadmin: base-admins
      - pihost: base-sshd-include

base-swap:
  pifile.managed:
    - files: {{ map.swap | json }}
    - apply: {{ (map.swap_on if map.swap else map.swap_off) | json }}

{%- if map.swap %}

base-swap-up:
  pihost.services_up:
    - units: [picloud-swap.service]
    - require:
      - pifile: base-swap
{%- endif %}

base-logs:
  pifile.managed:
    - files: {{ map.logs | json }}
    - apply:
      - [systemctl, restart, systemd-journald.service]
    - require:
      - pihost: base-packages

base-services:
  pihost.services_up:
    - units: [ssh.service, systemd-timesyncd.service]
    - require:
      - pihost: base-packages
