"""The values of an examination: items as shown, forms, responses, sessions, people.

What an item looks like to a candidate is here; how it is scored is in `exam_core.keys`, which the
kiosk and the exam room never import.
"""
