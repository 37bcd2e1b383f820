"""The engine room: clock, gaps, resampling, filters, windows. Pure and chunk-invariant."""
