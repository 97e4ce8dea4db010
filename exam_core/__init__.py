"""What all programs agree on: pure values and bytes.

Nothing here opens a file or a socket, reads a clock or draws a random number by itself; what
needs randomness takes it as an argument or says so in its name.
"""
