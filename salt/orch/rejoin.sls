# salt/orch/rejoin.sls - converge and verify a batch of nodes that came back. Pillar: rejoin:batch, the batch's token.
# Steps do not require each other: one node that fails never stops the others. The engine hears the signed reports of
# the last step, and tries again what did not come back.
{%- set token = salt["pillar.get"]("rejoin:batch", "") %}
{%- set batch = salt["saltutil.runner"]("rejoin.batch", kwarg={"token": token}) %}
{%- if batch %}

rejoin-highstate:
  salt.state:
    - tgt: {{ batch.nodes | json }}
    - tgt_type: list
    - highstate: true
    - queue: true
    - pillar: {picloud_rejoin: true}

# Tokens are sealed for nodes that are there, and Docker Engine is, since their highstate.
rejoin-swarm:
  salt.runner:
    - name: swarm.join
    - nodes: {{ batch.nodes | json }}

rejoin-verify:
  salt.function:
    - name: pirejoin.verify
    - tgt: {{ batch.nodes | json }}
    - tgt_type: list
    - arg: [{{ batch.nonce | json }}]
{%- else %}

rejoin-nothing-to-do:
  test.nop: []
{%- endif %}
