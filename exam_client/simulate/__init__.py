"""Simulated candidates: the kiosk's own session, journal and sync, answering by a plan.

Each has its own data folder, certificate and thread; only the windows are missing.
"""

from exam_client.simulate.plan import Plan, read_plan
from exam_client.simulate.run import run_plan

__all__ = ["Plan", "read_plan", "run_plan"]
