# salt/base/absent.sls - undo base: files are what they were before; packages, host keys and homes stay. Redo: base.
# Open sessions go on (sshd is reloaded, not stopped). Admins that Salt made are locked.
{%- import "base/map.jinja" as map with context %}

base-logs-absent:
  pifile.absent:
    - name: base-logs
    - apply:
      - [systemctl, restart, systemd-journald.service]

base-swap-absent:
  pifile.absent:
    - name: base-swap
    - apply: {{ map.swap_off | json }}

base-sshd-absent:
  pifile.absent:
    - name: base-sshd
    - apply: {{ map.reload_sshd | json }}

base-sshd-include-absent:
  pihost.sshd_include_absent:
    - name: /etc/ssh/sshd_config
    - apply: {{ map.reload_sshd | json }}

base-admins-absent:
  piadmin.absent: []

base-host-keys-absent:
  file.absent:
    - name: /etc/picloud/hostkeys.json

base-time-absent:
  pifile.absent:
    - name: base-time
    - apply:
      - [systemctl, try-restart, systemd-timesyncd.service]

base-locale-absent:
  pifile.absent:
    - name: base-locale

base-timezone-absent:
  pifile.absent:
    - name: base-timezone

base-apt-absent:
  pifile.absent:
    - name: base-apt

base-names-absent:
  pifile.absent:
    - name: base-names
    - apply:
      - [hostname, -F, /etc/hostname]
