"""The grading site: how do a room's results become marks, and marks become results?

A program of its own (`exam-server grade`), with its own folder, database and people; it alone
holds answer keys. The rules are `grading`'s: here are rows, claims, pages and commands.
"""
