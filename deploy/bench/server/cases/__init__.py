"""What is measured, a module each; `run.py` knows them all."""
