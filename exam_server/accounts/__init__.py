"""Who may use the pages: people with roles, their passwords and browser sessions, and the log.

Shared by the exam room and the grading site; each keeps its own people.
"""
