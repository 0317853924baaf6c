salt_minion:
  config:
    master_token: |
      -----BEGIN PGP MESSAGE-----
      hQEMA0000000000000
      -----END PGP MESSAGE-----
