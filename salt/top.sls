{#- What a node gets: the modules, then the parts that its roles pick, then what undoes the parts
    that no role picks any more. All of it comes from pillar["picloud"], which the master compiles
    from pillar/cloud; parts taken away are known by the node's own record (see sync.sls).
    A pillar without the node's view is never read as "no parts".
    "<part>.init" and not "<part>": Salt would ask the master for <part>.sls first, each time. #}
{%- set node = pillar.get("picloud") or {} %}
{%- set record = opts.get("picloud_etc", "/etc/picloud") ~ "/parts" %}
base:
  '*':
{%- if "parts" not in node %}
    - unknown
{%- else %}
    - sync
  {%- for part in node.parts %}
    - {{ part }}.init
  {%- endfor %}
  {%- set recorded = salt["file.read"](record).split() if salt["file.file_exists"](record) else [] %}
  {%- if recorded | difference(node.parts) and not pillar.get("_errors") %}
    - retire
  {%- endif %}
{%- endif %}
