"""A whole exam in front of the user: every program, real files, real TLS, real windows.

The conductor plays all the people (setters, technicians, proctors, candidates, markers) through
the doors that people use: command lines, pages and windows. It holds the answer key only in the
role of headquarters, which is also how it knows what the simulated candidates know.
"""
