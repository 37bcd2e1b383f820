"""How the service is."""

from __future__ import annotations

from wearecg.doctor.check import Check

SHAKY = 3
"""Restarts from which on they are worth a word."""


def check_service() -> Check:
    """Check the state that systemd gives the service."""
    from wearecg.service.install import state

    known = state()
    if not known:
        return Check("service", "not applicable", "systemd does not run here")
    if known.get("LoadState") == "not-found":
        return Check("service", "not applicable", "not installed (`sudo wearecg service install`)")
    found = f"{known.get('ActiveState')} ({known.get('SubState')})"
    if "StatusText" in known:
        found += f": {known['StatusText']}"
    restarts = int(known.get("NRestarts", "0"))
    if restarts:
        found += f"; restarted {restarts} times"
    look = "`journalctl -u wearecg -n 50` tells why"
    if known.get("ActiveState") == "active":
        return Check(
            "service", "warning" if restarts >= SHAKY else "ok", found, look if restarts >= SHAKY else ""
        )
    if known.get("Result", "success") != "success":
        found += f", because of {known['Result']}"
    return Check("service", "problem", found, f"{look}; then `sudo systemctl restart wearecg`")
