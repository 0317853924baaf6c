#!jinja|yaml|gpg
base: {packages: [vim]}
