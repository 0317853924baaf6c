# salt/sync.sls - first in every highstate: the node's modules are the master's, and the parts about to be applied are on record. Undo: retire.
# The sync runs in test mode as well (it only fills the minion's cache): without it the states below could not tell what they would do.
{%- set node = pillar["picloud"] %}
{%- set record = opts.get("picloud_etc", "/etc/picloud") ~ "/modules_digest" %}
{%- set here = salt["file.read"](record).strip() if salt["file.file_exists"](record) else "" %}
{%- if here != node.modules_digest %}

sync-modules:
  test.nop:
    - synced: __slot__:salt:saltutil.sync_all()
    - force_reload_modules: true

sync-digest:
  pinode.modules_recorded:
    - digest: {{ node.modules_digest | yaml_dquote }}
    - require:
      - test: sync-modules
{%- endif %}

sync-parts:
  pinode.parts_recorded:
    - parts: {{ node.parts | json }}
