# salt/retire.sls - undo the parts on the node's record that no role picks any more, last applied first; then forget them. Redo: give the role back.
# A part whose absent fails stays on the record and is tried again by the next highstate.
{%- set record = opts.get("picloud_etc", "/etc/picloud") ~ "/parts" %}
{%- set recorded = salt["file.read"](record).split() if salt["file.file_exists"](record) else [] %}
{%- set gone = recorded | difference(pillar["picloud"]["parts"]) | reverse | list %}
{%- set served = salt["cp.list_states"]() %}
{%- set undoable = [] %}
{%- for part in gone if part ~ ".absent" in served %}
  {%- do undoable.append(part) %}
{%- endfor %}

{%- if undoable %}
include:
  {%- for part in undoable %}
  - {{ part }}.absent
  {%- endfor %}
{%- endif %}
{%- for part in gone %}

retire-{{ part }}:
  {%- if part in undoable %}
  pinode.part_forgotten:
    - name: {{ part | yaml_dquote }}
    - require:
      - sls: {{ part }}.absent
  {%- else %}
  {%- set reason = "No role picks the part " ~ part ~ " any more, and the master has no salt/" ~ part
        ~ "/absent.sls to undo it. Put that file back, or clean the node by hand and run: salt-call pinode.forget_part " ~ part %}
  test.fail_without_changes:
    - name: {{ reason | yaml_dquote }}
    - comment: {{ reason | yaml_dquote }}
  {%- endif %}
{%- endfor %}
