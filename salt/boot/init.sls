# salt/boot/init.sls - config.txt and cmdline.txt of the boot partition. Pillar: picloud. Undo: boot.absent.
# A change asks for a reboot (/run/picloud/reboot-needed, grain picloud:reboot_needed); nothing reboots by itself.
{%- import "boot/map.jinja" as map with context %}

boot-config:
  piboard.config:
    - name: {{ map.config_file | yaml_dquote }}
    - options: {{ map.options | json }}
    - limits: {{ map.board.max_overclock | json }}
    - model: {{ map.board.model | yaml_dquote }}

boot-cmdline:
  piboard.cmdline:
    - name: {{ map.cmdline_file | yaml_dquote }}
    - words: {{ map.words | json }}
    - drop: {{ map.drop | json }}
