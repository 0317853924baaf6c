# salt/salt_minion/init.sls - Salt itself: the minion's configuration and its version, held. Pillar: picloud:salt_minion. Undo: salt_minion.absent.
{%- from "salt_minion/map.jinja" import salt_minion with context %}

salt_minion-config:
  saltminion.configured:
    - config: {{ salt_minion.config | json }}
    - timeout: {{ salt_minion.timeout }}

salt_minion-version:
  saltminion.version:
    - name: {{ salt_minion.version | yaml_dquote }}
    - timeout: {{ salt_minion.timeout }}
