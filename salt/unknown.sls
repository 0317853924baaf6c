# salt/unknown.sls - what a minion gets that the master has no view of: a reason, and no change. Undo: describe the node in pillar/cloud.
{%- set reason = "The pillar of " ~ grains["id"] ~ " has no picloud: no node of the description has this id, or the"
      ~ " description was never compiled. Nothing was changed; a node that was described before keeps what it has. On the"
      ~ " master: salt-run picloud.validate, then salt-run picloud.node " ~ grains["id"] %}

unknown-node:
  test.fail_without_changes:
    - name: {{ reason | yaml_dquote }}
    - comment: {{ reason | yaml_dquote }}
