# salt/orch/rejoin.sls - converge and verify a batch of nodes that came back. Run by rejoin.go, which claims the batch. Pillar: rejoin.
# Steps do not require each other: one node that fails never stops the others. The engine hears the signed reports of
# the last step, and tries again what did not come back.
{%- set batch = salt["pillar.get"]("rejoin") %}

rejoin-highstate:
  salt.state:
    - tgt: {{ batch.nodes | json }}
    - tgt_type: list
    - highstate: true
    - queue: true
    - pillar: {picloud_rejoin: true}
{%- if batch.members %}

# Tokens are sealed for nodes that are there, and Docker Engine is, since their highstate.
rejoin-swarm:
  salt.runner:
    - name: swarm.join
    - nodes: {{ batch.members | json }}
{%- endif %}

rejoin-verify:
  salt.function:
    - name: pirejoin.verify
    - tgt: {{ batch.nodes | json }}
    - tgt_type: list
    - arg: [{{ batch.nonce | json }}]
