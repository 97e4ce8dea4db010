"""A copy of the data folder, made while the room runs, and put back.

`holding` is the server's part, `asking` that of the program that copies, `copying` the files,
`restoring` the way back.
"""
