"""``wearecg prove``: a finding, recomputed from the stretch of the raw recording that it cites."""

from __future__ import annotations

import argparse
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path

from wearecg import overwrite
from wearecg.cli import scoring
from wearecg.cli.config import settle
from wearecg.cli.options import WHOLE, add_options, option
from wearecg.cli.report import Where

NOT_PROVEN = 1


@dataclass(frozen=True, kw_only=True)
class ProveOptions(Where):
    """What ``wearecg prove`` can be told."""

    finding: int = option(
        "--finding",
        default=MISSING,
        kind=WHOLE,
        parse=int,
        metavar="N",
        help="the number of the finding in `wearecg score` or in the report of the recording",
    )
    output: Path | None = option(
        "-o", parse=Path, metavar="FILE.svg", help="draw the end of the stretch, at 25 mm/s and 10 mm/mV"
    )


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "prove",
        help="recompute a finding from what it cites",
        description="Recompute a finding from the stretch of the raw recording that it cites. Ends with 1 if it does "
        "not follow from it. Give the options that the report was made with.",
    )
    add_options(parser, ProveOptions)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the finding, recompute it, and say what became of it."""
    from wearecg.account import Account
    from wearecg.account.text import clock, label, number
    from wearecg.errors import SinkError, SourceError
    from wearecg.report.draw import alone
    from wearecg.report.proof import LEAD_IN_S, cite, recompute
    from wearecg.session import Session

    options = settle(args, ProveOptions)
    if options.output:
        overwrite.check(options.output, (b"<svg", b'mm" viewBox="0 0 '), "a drawing of ours")
    source, stored, name = options.opened()
    observers = scoring.observers(options)
    leads = options.looked_at
    account = Account()
    for event in Session(source, observers, leads=leads):
        account.feed(event)
    found = account.main.numbered if account.main else []
    if not 1 <= options.finding <= len(found):
        raise SourceError(f"{name} has no finding {options.finding}; it has {len(found)}")
    _, kind, episode = found[options.finding - 1]
    cited = cite(account, kind, episode)
    start, part = max((at, one) for at, one in stored if at <= cited.start) if len(stored) > 1 else stored[0]
    proof = recompute(part, observers, cited.moved(-start), leads)
    sure = "" if cited.probability is None else f", p {cited.probability:.2f}"
    print(f"#{options.finding} {cited.code}, {cited.text}{sure}, by {cited.source}")
    print(
        f"  rests on {clock(cited.start)} to {clock(cited.end)} ({cited.start:.1f} to {cited.end:.1f} s), "
        f"{', '.join(cited.leads) or 'RR intervals'}, {len(cited.beats)} beats"
    )
    print(f"  recomputed from these seconds and at most {LEAD_IN_S:.0f} before them, of the raw recording:")
    if proof.found:
        again = proof.found
        likely = "" if again.probability is None else f", p {again.probability:.2f}"
        print(
            f"  found over {proof.share:.0%} of them{likely}; {proof.beats} of {len(cited.beats)} beats are the same"
        )
        before = {(one.key, one.leads): number(one) for one in cited.measures}
        for measure in again.measures:
            was = before.get((measure.key, measure.leads), "not measured")
            print(f"    {label(measure.name, measure.leads)} {number(measure)} (was {was})")
    else:
        print("  not found")
    print("  proven" if proof.holds else "  not proven")
    if options.output and proof.strip:
        title = f"{name} #{options.finding} {cited.code}, {cited.text}: {clock(proof.strip.start)}, 25 mm/s, 10 mm/mV"
        try:
            options.output.write_text(alone(proof.strip, title), encoding="utf-8")
        except OSError as error:
            raise SinkError(f"cannot write {options.output}: {error.strerror}") from error
    elif options.output:
        print("wearecg: intervals alone have no strip to draw", file=sys.stderr)
    return 0 if proof.holds else NOT_PROVEN
