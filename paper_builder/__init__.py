"""How does a paper come to be? From the item bank, by a draw anyone can repeat, to sealed files.

It runs at headquarters on a machine of its own, without a network.
"""
