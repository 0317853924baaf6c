# The Salt minion of every node: its version, and options for its configuration beside the ones the part sets itself.
salt_minion:
  version: "3008.3"
  config: {rejected_retry: true}
