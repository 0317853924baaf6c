salt_minion:
  version: "3008.3"
  config: {rejected_retry: true}
