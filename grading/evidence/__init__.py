"""Is what a room handed over whole, and if not, where was it changed?

`room` holds everything in a results bundle against everything else, `verify` goes through a file
layer by layer even when its signatures fail; the grading site refuses by the same checks.
"""
