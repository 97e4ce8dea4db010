"""Servers to compare with: the barest that could do the job, and the usual one."""
