# The password by which sensors and the aggregator log in to the broker (docs/sensors.md). This one is as good as none, everybody
# knows it: it does while the broker is in its own network only. Yours stands here encrypted, see docs/workloads.md.
secrets:
  mqtt-password: {contents: sensors-of-the-pi-cloud}
