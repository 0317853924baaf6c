"""
Benchmarks. Each measures both sides in one run and prints their ratio; see ``docs/performance.md``.
"""
