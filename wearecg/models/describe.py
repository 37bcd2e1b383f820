"""A card laid out for people."""

from __future__ import annotations

from wearecg.models.card import Card, Loss, Measured


def describe(card: Card) -> str:
    """Everything the card states, in the order in which one asks."""
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
        lines.append(f"{group.name}, from which probability it holds (* live windows report it)")
        lines += [
            f"  {'*' if s.reported else ' '} {s.code:6} {s.threshold:5.2f}  {s.text}"
            for s in group.statements
        ]
    for data in training.data:
        lines.append(f"data       {data.name}, {data.use}; {data.licence}; {data.citation}")
    lines += [
        f"training   {training.command} ({training.minutes:g} min on {training.machine})",
        f"calibrated {card.calibration}",
        f"quantised  {card.quantisation.method}",
        "",
        measured_table(card.measured),
        "",
        f"gate: macro AUROC of each file on the same windows; refused beyond a loss of "
        f"{card.quantisation.allowed_loss:g} in any row",
        gate_table(card.quantisation.report),
        "",
    ]
    return "\n".join([*lines, "limits", *(f"  - {limit}" for limit in card.limits)])


def measured_table(rows: tuple[Measured, ...]) -> str:
    """Macro AUROC with intervals and calibration error, the forms beside each other."""
    forms = list(dict.fromkeys((r.precision, r.runtime) for r in rows))
    heads = [f"{precision} {runtime}" for precision, runtime in forms]
    data = ", ".join(dict.fromkeys(r.data for r in rows))
    lines = [
        f"measured on {data}: macro AUROC [95 % by patient], calibration error raw > calibrated",
        f"{'group':11} {'leads':9} {'records':>7}" + "".join(f"  {head:40}" for head in heads),
    ]
    found = {(r.group, r.leads, r.precision, r.runtime): r for r in rows}
    for group, leads in dict.fromkeys((r.group, r.leads) for r in rows):
        same = [found[group, leads, *form] for form in forms]
        cells = [f"{r.auroc:.4f} [{r.low:.4f}, {r.high:.4f}]  {r.ece_raw:.4f} > {r.ece:.4f}" for r in same]
        lines.append(
            (f"{group:11} {leads:9} {same[0].records:7}" + "".join(f"  {c:40}" for c in cells)).rstrip()
        )
    return "\n".join(lines)


def gate_table(report: tuple[Loss, ...]) -> str:
    """Macro AUROC of every form beside torch's, and the largest loss."""
    heads = ("torch", "fp32 onnx", "int8 onnx", "fp32 tflite", "int8 tflite")
    lines = [
        f"{'group':11} {'leads':9}" + "".join(f" {head:>11}" for head in heads) + f" {'largest loss':>13}"
    ]
    for r in report:
        values = (r.torch, r.fp32_onnx, r.int8_onnx, r.fp32_tflite, r.int8_tflite)
        lines.append(
            f"{r.group:11} {r.leads:9}" + "".join(f" {v:11.4f}" for v in values) + f" {r.worst:+13.4f}"
        )
    return "\n".join(lines)
