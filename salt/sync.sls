# salt/sync.sls - first in every highstate: the node's modules are the master's, parts whose change waits for a rollout are named, and the parts about to be applied are on record. Undo: retire.
# The sync runs in test mode as well (it only fills the minion's cache): without it the states below could not tell what they would do.
{%- set node = pillar["picloud"] %}
{%- set record = opts.get("picloud_etc", "/etc/picloud") ~ "/modules_digest" %}
{%- set here = salt["file.read"](record).strip() if salt["file.file_exists"](record) else "" %}
{%- if here != node.modules_digest %}
  {%- set brought = "pinode.synced_digest" in salt and salt["pinode.synced_digest"]() == node.modules_digest %}

# Only the kinds that there are: sync_all asks the master for a list of files for each of the 18 that Salt knows.
sync-modules:
  test.nop:
  {%- if not brought %}
    {%- for kind in ["grains", "modules", "states"] %}
    - {{ kind }}: __slot__:salt:saltutil.sync_{{ kind }}(base)
    {%- endfor %}
  {%- endif %}
    - force_reload_modules: true

sync-digest:
  pinode.modules_recorded:
    - digest: {{ node.modules_digest | yaml_dquote }}
    - require:
      - test: sync-modules
{%- endif %}

{%- for part in node.get("waiting", []) %}

waiting-{{ part }}:
  pinode.part_waits:
    - name: {{ part }}
{%- endfor %}

sync-parts:
  pinode.parts_recorded:
    - parts: {{ node.parts | json }}
