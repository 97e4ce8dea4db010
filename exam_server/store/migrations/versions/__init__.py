"""The versions of the databases, a folder for each line."""
