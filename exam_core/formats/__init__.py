"""The files and records that outlive a program: each has a version, a spec and test vectors."""
