"""The exam room: everything between the delivered package and the exported results.

Knows no answer keys and never imports the marking side.
"""
