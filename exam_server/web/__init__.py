"""The ground of the pages of both programs: headers, permissions, log-in, look.

A program gives its routes and menu to `application.build_application`; every route says beside
itself who may use it.
"""
