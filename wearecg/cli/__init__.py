"""The command line: one thin file a verb.

Exit codes: 0 done (also when ended by Ctrl-C or SIGTERM), 2 wrong usage or configuration, 3 the sensor or recording,
4 the model, 5 an output (what could be recorded is safe), 6 the signal or a lead, 7 a missing extra.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from wearecg import errors

EXIT_CODES: dict[type[errors.WearECGError], int] = {
    errors.SourceError: 3,
    errors.ModelError: 4,
    errors.SinkError: 5,
    errors.SignalError: 6,
    errors.LeadError: 6,
    errors.MissingExtraError: 7,
    errors.ConfigError: 2,
}

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a full or broken disk says."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    from wearecg import __version__
    from wearecg.cli import (
        calibrate,
        compare,
        convert,
        devices,
        doctor,
        formats,
        models,
        prove,
        report,
        score,
        service,
        simulate,
        stream,
    )

    parser = argparse.ArgumentParser(
        prog="wearecg",
        description="On-device ECG: stream a wearable sensor, score it live, record it. Not a medical device.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"wearecg {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    modules = (
        stream, score, report, prove, compare, convert, calibrate, simulate, devices, formats, models, doctor, service,
    )  # fmt: skip
    for module in modules:
        module.add_parser(verbs)
    _replace_closed()
    args = parser.parse_args(argv)
    try:
        code = int(args.run(args))
        if sys.stdout:  # None where it is closed
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has left (`| head`); nothing may be flushed to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except errors.WearECGError as error:
        from wearecg.sinks.journal import ERROR, is_journal
        from wearecg.text import visible

        priority = f"<{ERROR}>" if is_journal(sys.stderr) else ""
        print(f"{priority}wearecg: {visible(str(error))}", file=sys.stderr)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            raise
        # What we print goes nowhere; nor may the interpreter flush it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"wearecg: the standard output cannot be written: {error.strerror}", file=sys.stderr)
        return EXIT_CODES[errors.SinkError]


def _replace_closed() -> None:
    """Put nothing in the place of standard streams that are closed (``>&-``): else files of ours get their numbers."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stderr = sys.stderr or os.fdopen(os.dup(2), "w")
