"""Whether what wearecg needs is here, and computes what was published."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from wearecg.doctor.check import Check
from wearecg.errors import WearECGError

NEWEST = (3, 13)
"""Up to here wearecg and the wheels it needs are tested."""


def check_install() -> Iterator[Check]:
    """Check Python, the packages, the runtimes, and every model file in every runtime that is installed."""
    yield _python()
    yield _packages()
    yield from _runtimes()
    yield from _models()


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.machine()}, {platform.system()} {platform.release()}"
    if sys.maxsize < 2**32:
        remedy = "install a 64-bit system (Raspberry Pi OS 64-bit): there are no 32-bit wheels of onnxruntime"
        return Check("Python", "problem", f"{found}, 32 bits", remedy)
    if sys.version_info[:2] > NEWEST:
        remedy = f"if something fails, try Python {NEWEST[0]}.{NEWEST[1]}: newer ones are not tested"
        return Check("Python", "warning", found, remedy)
    return Check("Python", "ok", found)


def _packages() -> Check:
    try:
        needed = requires("wearecg") or []
        found = f"wearecg {version('wearecg')}"
    except PackageNotFoundError:
        return Check(
            "packages", "warning", "wearecg is not installed, but run from its source", "pip install wearecg"
        )
    missing = []
    for requirement in needed:
        # Extras are for other machines; the rest has no conditions.
        if ";" in requirement:
            continue
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            found += f", {name} {version(name)}"
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check(
            "packages", "problem", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        )
    return Check("packages", "ok", found)


def _runtimes() -> Iterator[Check]:
    """Import each in a process of its own: a build that is not for this processor ends the process."""
    from wearecg.models.runner import ENGINES
    from wearecg.models.runtimes import probe

    for package in (package for packages in ENGINES.values() for package in packages):
        if find_spec(package) is None:
            continue
        found, _, remedy = probe(package).partition(": ")
        if found:
            yield Check(f"runtime {package}", "problem", found, remedy)
        else:
            yield Check(f"runtime {package}", "ok", "can be imported")


def _models() -> Iterator[Check]:
    from wearecg.models import available
    from wearecg.models.verify import verify

    for name in available():
        try:
            checks = verify(name)
        except WearECGError as error:
            yield Check(f"model {name}", "problem", str(error), "pip install --force-reinstall wearecg")
            continue
        ran = [check for check in checks if check.ok is not None]
        wrong = [check for check in ran if not check.ok]
        engines = ", ".join(sorted({check.engine for check in ran}))
        if wrong:
            told = "; ".join(f"{check.file} in {check.engine}: {check.problem}" for check in wrong)
            remedy = f"`wearecg models verify {name}`; another version of the runtime, and please tell us"
            yield Check(f"model {name}", "problem", told, remedy)
        elif not ran:
            yield Check(f"model {name}", "problem", "no runtime for it", "pip install onnxruntime")
        else:
            yield Check(f"model {name}", "ok", f"{len(ran)} files compute what was published, in {engines}")
