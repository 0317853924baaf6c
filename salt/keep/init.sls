# salt/keep/init.sls - data of this node: given back to a new card, then copied to the master again and again. Pillar: picloud:keep. Undo: keep.absent.
# The timer comes after what is given back: a card that has nothing yet must not be the newest copy.
{%- import "keep/map.jinja" as map with context %}

keep-packages:
  pihost.packages:
    - pkgs: [borgbackup, openssh-client]

keep-way:
  pifile.managed:
    - files: {{ map.way | json }}
    - require:
      - pihost: keep-packages

keep-restored:
  pikeep.restored:
    - paths: {{ map.keep.paths | json }}
    - host_key: {{ map.keep.host_key | json }}
    - require:
      - pifile: keep-way

keep-units:
  pifile.managed:
    - files: {{ map.units | json }}
    - apply:
      - [systemctl, daemon-reload]
      - [systemctl, enable, picloud-keep.timer]
      - [systemctl, restart, picloud-keep.timer]
    - require:
      - pikeep: keep-restored

keep-timer:
  pihost.services_up:
    - units: [picloud-keep.timer]
    - require:
      - pifile: keep-units
