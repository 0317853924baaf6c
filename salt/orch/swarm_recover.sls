# salt/orch/swarm_recover.sls - bring back the swarm of a site whose managers lost their majority. Pillar: swarm_recover: {site, confirm: true}.
# salt-run swarm.recover says first what would be done, and runs this when it is told to.
{%- set ask = salt["pillar.get"]("swarm_recover", {}) %}
{%- set plan = salt["saltutil.runner"]("swarm.recovery", kwarg={"site": ask.get("site", "")}) %}
{%- if plan.refused or ask.get("confirm") is not sameas true %}

swarm-recover-asks:
  test.fail_without_changes:
    - comment: {{ (plan.refused or "Nothing is done before confirm is true. " ~ plan.words | join(" ")) | yaml_dquote }}
{%- else %}
  {%- if plan.leave %}

swarm-recover-left:
  salt.function:
    - name: swarm.leave
    - tgt: {{ plan.leave | json }}
    - tgt_type: list
    - kwarg: {force: true}
  {%- endif %}
  {%- if plan.survivor %}

swarm-recover-survivor:
  salt.function:
    - name: swarm.initialise
    - tgt: {{ [plan.survivor] | json }}
    - tgt_type: list
    - kwarg: {advertise_addr: {{ plan.address | json }}, force_new_cluster: true}
  {%- else %}

swarm-recover-forgotten:
  salt.runner:
    - name: swarm.forget
    - site: {{ ask.site | json }}
  {%- endif %}

swarm-recover-joined:
  salt.runner:
    - name: swarm.join
    - nodes: {{ plan.members | json }}
{%- endif %}
