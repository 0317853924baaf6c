# salt/orch/swarm_recover.sls - bring back the swarm of a site whose managers lost their majority. Pillar: swarm_recover: {site, confirm: true}.
# salt-run swarm.recover says first what would be done, and runs this when it is told to.
{%- set ask = salt["pillar.get"]("swarm_recover", {}) %}
{%- set plan = salt["saltutil.runner"]("swarm.recovery", kwarg={"site": ask.get("site", "")}) %}
{%- if plan.refused or ask.get("confirm") is not sameas true %}

swarm-recover-asks:
  test.fail_without_changes:
    - comment: {{ (plan.refused or "Nothing is done before confirm is true. " ~ plan.words | join(" ")) | yaml_dquote }}
{%- else %}
  {#- What others have of the swarm goes only once the survivor leads: until then it is all that is left if that fails. #}
  {%- set before = "" %}
  {%- if plan.survivor %}

swarm-recover-survivor:
  salt.function:
    - name: swarm.initialise
    - tgt: {{ [plan.survivor] | json }}
    - tgt_type: list
    - kwarg: {advertise_addr: {{ plan.address | json }}, force_new_cluster: true}

swarm-recover-leads:
  salt.function:
    - name: swarmnode.leads
    - tgt: {{ [plan.survivor] | json }}
    - tgt_type: list
    - retry: {attempts: 12, interval: 5}
    - require:
      - salt: swarm-recover-survivor
    {%- set before = "swarm-recover-leads" %}
  {%- endif %}
  {%- if plan.leave %}

swarm-recover-left:
  salt.function:
    - name: swarm.leave
    - tgt: {{ plan.leave | json }}
    - tgt_type: list
    - kwarg: {force: true}
    {%- if before %}
    - require:
      - salt: {{ before }}
    {%- endif %}
    {%- set before = "swarm-recover-left" %}
  {%- endif %}
  {%- if not plan.survivor %}

swarm-recover-forgotten:
  salt.runner:
    - name: swarm.forget
    - site: {{ ask.site | json }}
    {%- if before %}
    - require:
      - salt: {{ before }}
    {%- endif %}
    {%- set before = "swarm-recover-forgotten" %}
  {%- endif %}

swarm-recover-joined:
  salt.runner:
    - name: swarm.join
    - nodes: {{ plan.members | json }}
    - require:
      - salt: {{ before }}
{%- endif %}
