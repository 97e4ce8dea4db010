"""Answer keys and how they travel: only headquarters and the grading site may import this.

The kiosk, the exam room and the LAN protocol never do; import-linter holds that line.
"""
