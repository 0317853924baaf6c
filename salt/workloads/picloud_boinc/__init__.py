"""
Start Debian's BOINC client as a container: attached to the project that a secret names, or idle.

``project`` and ``preferences`` decide what its files say, ``start`` writes them and becomes BOINC.
Python 3.11 and Debian's boinc-client are enough.
"""
