"""What the plan of the account withholds from a private repository."""

from __future__ import annotations

from ..hub import GitHub


def account_plan(hub: GitHub) -> str:
    """Return `free`, `team` or `enterprise`: who owns the repository pays for that; a public one has everything.

    A test chooses with `hub.settings["plan"]`; a private repository is on Team otherwise.
    """
    return str(hub.settings.get("plan", "team")) if hub.private else "enterprise"
