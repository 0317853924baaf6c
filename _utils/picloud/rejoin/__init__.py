"""
How a node comes back: the steps, who may go when, and what "verified" means. Pure functions.
"""
