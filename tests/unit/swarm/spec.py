"""The modules that read and compare specifications, with each other as the loader gives them."""

from _modules import swarmdiff, swarmfields, swarmspec, swarmvalues

SALT = {
    "swarmfields.tables": swarmfields.tables,
    "swarmvalues.check": swarmvalues.check,
    "swarmvalues.show": swarmvalues.show,
}
LOADED = {swarmspec: {"__salt__": SALT}, swarmdiff: {"__salt__": SALT}}
