# salt/swarm/workloads.sls - what the swarm of this site runs: networks, configs, secrets and services as described, and nothing else of ours. Only on
# the manager that leads. Pillar: picloud:workloads. Undo: describe none.
# Services go first: what they used is free then. A service is made or changed, and not waited for: salt-run workload.status.
{%- from "swarm/map.jinja" import work, refused, own, label with context %}

swarm-services-old:
  swarmservice.pruned:
    - label: picloud.workload
    - keep: {{ work.services | list | json }}
{%- for name, settings in work.networks.items() %}

swarm-network-{{ name }}:
  swarmnetwork.present:
    - name: {{ name | yaml_dquote }}
    - settings: {{ dict(settings, labels=own) | json }}
{%- endfor %}
{%- for name, contents in work.configs.items() %}

swarm-config-{{ name }}:
  swarmdata.config_present:
    - name: {{ name | yaml_dquote }}
    - contents: {{ contents | json }}
    - labels: {{ own | json }}
{%- endfor %}
{%- for name in work.secrets %}

swarm-secret-{{ name }}:
  swarmdata.secret_present:
    - name: {{ name | yaml_dquote }}
    - contents_pillar: {{ ("picloud:workloads:secrets:" ~ name) | yaml_dquote }}
    - labels: {{ own | json }}
{%- endfor %}
{%- for name, spec in work.services.items() %}

swarm-service-{{ name }}:
  {%- if name in refused %}
  test.succeed_without_changes:
    - name: {{ (name ~ " is left as it is: " ~ refused[name]) | yaml_dquote }}
  {%- else %}
  swarmservice.present:
    - name: {{ name | yaml_dquote }}
    - spec: {{ spec | json }}
  {%- endif %}
{%- endfor %}

swarm-configs-old:
  swarmdata.configs_pruned:
    - label: {{ label }}
    - keep: {{ work.configs | list | json }}

swarm-secrets-old:
  swarmdata.secrets_pruned:
    - label: {{ label }}
    - keep: {{ (work.secrets | list + (work.get("held") or [])) | json }}

swarm-networks-old:
  swarmnetwork.pruned:
    - label: {{ label }}
    - keep: {{ work.networks | list | json }}
