"""What does one exam server bear? Measured against its limits and its peers, in the same run.

The server is the real `exam-server serve`; kiosks are a lean generator with real frames, which
shares the cores with it.
"""
