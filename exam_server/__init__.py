"""Two programs on one foundation: the exam room (`serve`) and the grading site (`grade`).

Accounts, audit trail, database, TLS and the look of the pages are shared; the room and the
marking never import each other.
"""
