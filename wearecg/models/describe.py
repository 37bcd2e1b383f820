"""A card as text."""

from __future__ import annotations

from wearecg.ecg.leads import TWELVE
from wearecg.models.card import FORMS, Card, Measured, Quantisation


def describe(card: Card) -> str:
    """Return all that the card states."""
    spec, training = card.input, card.training
    lines = [
        f"{card.source}: {card.task}",
        f"input      {spec.seconds:g} s at {spec.fs:g} Hz in {spec.units}, at least {spec.min_leads} of "
        f"{' '.join(spec.leads)}; recordings from {spec.min_fs:g} Hz",
        f"size       {card.parameters:,} parameters, {card.mmac:g} M multiply-adds a window",
    ]
    lines += [f"file       {f.path}: {f.precision} {f.runtime}, {f.bytes / 1e6:.2f} MB" for f in card.files]
    lines.append(f"golden     {card.golden.path}: {card.golden.pairs} pairs for `wearecg models verify`")
    for group in card.outputs.groups:
        lines.append(f"{group.name}, with the probability from which each is stated (* reported live)")
        lines += [
            f"  {'*' if s.reported else ' '} {s.code:6} {s.threshold:5.2f}  {s.text}"
            for s in group.statements
        ]
    lines += [f"point      {name}: from a probability of {p:g}" for name, p in card.outputs.points.items()]
    if band := card.outputs.band:
        lines.append(
            f"band       {band.share:.0%} of the truth lies within; a lead is not known if half its width is above "
            f"{band.unknown_mv:g} mV; a lead's standard deviation is scaled by "
            + ", ".join(f"{lead} {scale:g}" for lead, scale in zip(TWELVE, band.scale, strict=True))
        )
    for data in training.data:
        lines.append(f"data       {data.name}, {data.use}; {data.licence}; {data.citation}")
    lines += [
        f"training   {training.command} ({training.minutes:g} min on {training.machine})",
        f"calibrated {card.calibration}",
        f"quantised  {card.quantisation.method}",
        "",
        measured_table(card.measured),
        "",
        gate_table(card.quantisation),
        "",
    ]
    return "\n".join([*lines, "limits", *(f"  - {limit}" for limit in card.limits)])


def measured_table(rows: tuple[Measured, ...]) -> str:
    """Return a table of each metric with its interval and, if known, calibration error, forms side by side."""
    tables = []
    for data, metric in dict.fromkeys((r.data, r.metric) for r in rows):
        some = [r for r in rows if (r.data, r.metric) == (data, metric)]
        forms = list(dict.fromkeys((r.precision, r.runtime) for r in some))
        calibrated = ", calibration error raw > calibrated" if some[0].ece is not None else ""
        width = 40 if calibrated else 23
        heads = "".join(f"  {f'{precision} {runtime}':{width}}" for precision, runtime in forms)
        lines = [
            f"measured on {data}: {metric} [95 % interval]{calibrated}",
            f"{'':14} {'leads':9} {'records':>7}{heads}".rstrip(),
        ]
        found = {(r.group, r.leads, r.precision, r.runtime): r for r in some}
        for group, leads in dict.fromkeys((r.group, r.leads) for r in some):
            same = [found.get((group, leads, *form)) for form in forms]
            cells = "".join(f"  {_cell(r):{width}}" for r in same)
            records = next(r.records for r in same if r)
            lines.append(f"{group:14} {leads:9} {records:7}{cells}".rstrip())
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def gate_table(quantisation: Quantisation) -> str:
    """Return a table of the gate's metric of every form beside torch's, and the largest loss."""
    unit = " of torch's value" if quantisation.relative else ""
    lines = [
        f"gate: {quantisation.metric} of each file on the same windows; refused beyond a loss of "
        f"{quantisation.allowed_loss:g}{unit} in any row",
        f"{'':14} {'leads':9}"
        + "".join(f" {head.replace('_', ' '):>11}" for head in ("torch", *FORMS))
        + f" {'largest loss':>13}",
    ]
    for r in quantisation.report:
        values = "".join(f" {getattr(r, form):11.4f}" for form in ("torch", *FORMS))
        lines.append(f"{r.group:14} {r.leads:9}{values} {quantisation.worst(r):+13.4f}")
    return "\n".join(lines)


def _cell(r: Measured | None) -> str:
    if r is None:
        return ""
    calibration = "" if r.ece is None else f"  {r.ece_raw:.4f} > {r.ece:.4f}"
    return f"{r.value:.4f} [{r.low:.4f}, {r.high:.4f}]{calibration}"
