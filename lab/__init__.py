"""The lab: the described cloud as containers on one machine (``python -m lab --help``)."""
