# Ordinary pillar. The cloud itself does not come from here but from pillar/cloud, through the ext_pillar.
base: {}
