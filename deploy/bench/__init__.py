"""What does sealing, importing and opening cost? Measured against the limits that are promised.

Every figure is taken in this run, on this machine, beside a well-known program that does the
plainest part of the same work.
"""
