{#- reactor/rejoin.sls, on picloud/rejoin/go: converge a batch of nodes. All that the event says is the
    batch's token; which nodes are in it stands in the ledger, and a token is good once. So an event
    that somebody else fired does nothing. #}
{{ ("converge batch " ~ data.get("batch", "")) | yaml_dquote }}:
  runner.rejoin.go:
    - args:
      - token: {{ data.get("batch", "") | string | json }}
