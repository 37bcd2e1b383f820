"""What every recording says of itself."""

from __future__ import annotations

from wearecg.block import StreamInfo


def about(info: StreamInfo) -> tuple[str, ...]:
    """Return what is to be known of a stream beside its samples, one line each."""
    from wearecg import __version__

    said = [
        f"source: {info.source}",
        f"sampling rate: {info.rate_note or 'given by the device'}",
        f"wearecg {__version__}; not a medical device",
    ]
    if not info.waveform:
        said.append("no signals; beats are in the annotations, and the first interval begins with sample 0")
        return tuple(said)
    if info.reconstructed:
        leads = " ".join(info.reconstructed)
        said.append(f"reconstructed, not measured, and no basis of any finding: {leads}")
    if info.synthetic:
        leads = " ".join(info.synthetic)
        said.append(f"synthetic, drawn from a pulse, basis of rate and regularity at most: {leads}")
    if info.uncalibrated:
        said.append(f"not calibrated, of no known size: {' '.join(info.uncalibrated)}")
    return tuple(said)
