"""The save path: frames from kiosks, checked, on disk, and only then acknowledged.

`ledger` decides what a Save may add, `checking` opens frames, `writer` makes them durable.
"""
