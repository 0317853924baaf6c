# salt/boot/absent.sls - undo boot: config.txt and cmdline.txt are without our options and words. Redo: boot.
{%- import "boot/map.jinja" as map with context %}

boot-config-absent:
  piboard.config_absent:
    - name: {{ map.config_file | yaml_dquote }}

boot-cmdline-absent:
  piboard.cmdline_absent:
    - name: {{ map.cmdline_file | yaml_dquote }}
