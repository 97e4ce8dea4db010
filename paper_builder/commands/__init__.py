"""What does each command of `paper-builder` do with its words? Parse, call one service, show.

No rules live here; `paper_builder.cli` puts the commands together.
"""
