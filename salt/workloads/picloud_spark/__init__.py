"""
Apache Spark on the nodes of a Pi cloud: a master, workers, and a job that counts words.

Runs in containers with Debian's Java and Python, and PyPI's ``pyspark`` (``examples/spark.sls``).
"""
