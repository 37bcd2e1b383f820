"""``wearecg service``: streaming as a systemd service, from boot on."""

from __future__ import annotations

import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "service",
        help="run as a systemd service: install, uninstall, status",
        description="Stream from boot on, with the options of /etc/wearecg.toml, as a systemd service.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    install = actions.add_parser("install", help="write the service's files (needs root)")
    install.add_argument("--dry-run", action="store_true", help="only show the files")
    install.set_defaults(run=_install)
    actions.add_parser("uninstall", help="stop it and delete its files (needs root)").set_defaults(
        run=_uninstall
    )
    actions.add_parser("status", help="show its state; exit code 1 if it does not run").set_defaults(
        run=_status
    )


def _install(args: argparse.Namespace) -> int:
    from wearecg.service.install import install

    return 0 if install(print, dry=args.dry_run) else 1


def _uninstall(_: argparse.Namespace) -> int:
    from wearecg.service.install import uninstall

    uninstall(print)
    return 0


def _status(_: argparse.Namespace) -> int:
    from wearecg.doctor.service import check_service

    check = check_service()
    print(check)
    return 0 if check.verdict == "ok" else 1
