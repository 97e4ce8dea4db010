"""Puts one fault into the program as it is imported: `pytest -p tests.teeth.plugin`, FAULT=name."""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from tests.teeth.faults import FAULTS, Fault


class _FaultyLoader(importlib.machinery.SourceFileLoader):
    fault: Fault

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        # The source's own way, without the cache of compiled files.
        source = self.get_data(self.get_filename(fullname)).decode()
        if source.count(self.fault.old) != 1:
            sys.exit(f"fault {self.fault.name!r} fits {source.count(self.fault.old)} places")
        return compile(source.replace(self.fault.old, self.fault.new), self.path, "exec")


class _FaultFinder(importlib.abc.MetaPathFinder):
    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The faulty module; every other one is found as always."""
        if fullname != self._fault.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        loader = _FaultyLoader(fullname, spec.origin)
        loader.fault = self._fault
        return importlib.util.spec_from_file_location(fullname, spec.origin, loader=loader)


_name = os.environ["FAULT"]
if _name:
    _fault = next(fault for fault in FAULTS if fault.name == _name)
    if _fault.module in sys.modules:
        sys.exit(f"{_fault.module} was imported before its fault")
    sys.meta_path.insert(0, _FaultFinder(_fault))
