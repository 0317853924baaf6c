# salt/keep/absent.sls - undo keep: no more copies are made. The data stay on the node, and what was copied stays at the master. Redo: keep.
keep-timer-absent:
  service.dead:
    - name: picloud-keep.timer
    - enable: false

keep-units-absent:
  pifile.absent:
    - name: keep-units
    - apply:
      - [systemctl, daemon-reload]
    - require:
      - service: keep-timer-absent

keep-way-absent:
  pifile.absent:
    - name: keep-way
    - require:
      - pifile: keep-units-absent
