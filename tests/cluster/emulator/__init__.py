"""A Kubernetes cluster for tests: the API that kubectl speaks, controllers, and pods that are local processes."""

from __future__ import annotations

from .access import User
from .cluster import RESTRICTED, Emulator
from .faults import Fault
from .launcher import Launcher, Program, stand_in
from .requests import Entry
from .timing import Timing

__all__ = ["RESTRICTED", "Emulator", "Entry", "Fault", "Launcher", "Program", "Timing", "User", "stand_in"]
