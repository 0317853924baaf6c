"""
How a change of a part's settings reaches nodes: in which order, and when it stops. Pure functions.
"""
