"""The pages of the grading site: marker, lead, results, audit log.

A handler parses, calls one service and renders; who may use it is said beside its route.
"""
