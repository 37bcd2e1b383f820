#!/bin/sh
# wfdb (PyPI) 4.3.1, Python 3.11: signals of format 8 are stored as first differences (signal(5)), so a sample in the
# middle is the sum of all before it. rdrecord() of the whole record sums them; rdrecord(sampfrom=n) begins anew from the
# initial value of the header, as if the record began there: every value is off by the same amount, without a word.
# Expected: the values that the whole record has from sample n on. Seen:
#   whole, from sample 40: [45, 46, 48, 51, 55]
#   sampfrom=40:           [-1, 0, 2, 5, 9]
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q wfdb==4.3.1
venv/bin/python -W ignore - > seen <<'PYTHON'
from pathlib import Path

import numpy as np
import wfdb

steps = np.array([0] + [1, 2, 3, 4, 5, -3, -2, -1] * 10, np.int8)
checksum = int(np.cumsum(steps, dtype=np.int64).sum())
Path("r.dat").write_bytes(steps.tobytes())
Path("r.hea").write_text(f"r 1 250 {len(steps)}\nr.dat 8 200 8 0 0 {checksum} 0 II\n")
whole = wfdb.rdrecord("r", physical=False).d_signal[:, 0]
part = wfdb.rdrecord("r", sampfrom=40, physical=False).d_signal[:, 0]
print("whole, from sample 40:", whole[40:45].tolist())
print("sampfrom=40:          ", part[:5].tolist())
PYTHON
cat seen
cat > expected <<'TEXT'
whole, from sample 40: [45, 46, 48, 51, 55]
sampfrom=40:           [-1, 0, 2, 5, 9]
TEXT
diff expected seen
