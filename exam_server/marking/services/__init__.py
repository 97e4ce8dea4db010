"""What can be done at the grading site: each function or method is one use case, one transaction.

Nothing here knows pages or command lines; who did it comes in by name and goes to the audit log.
"""
