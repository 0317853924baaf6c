"""
The hands of rejoin on the master: its key store, its bus, its jobs. What decides is in ``picloud``.
"""
