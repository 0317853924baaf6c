"""
The checks of a description: small functions over indexed data that yield problems.

``common`` (with ``hardware``) looks at everything but racks, ``rack`` (with ``power`` and
``settings``) at one rack against it, ``whole`` at what racks may not share. To add a rule: name it
in ``rules.RULES``, yield it from a function listed in one of these modules' ``CHECKS``, and add
``tests/data/broken/<rule>/``.
"""
