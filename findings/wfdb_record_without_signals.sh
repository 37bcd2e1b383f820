#!/bin/sh
# wfdb (PyPI) 4.3.1, Python 3.11: a header without signals may state a length (header(5): the fields behind the number
# of signals are kept; PhysioNet has such records for RR intervals alone). rdheader() gives that length; rdrecord() of
# the same record returns without a word, with p_signal None and sig_len 0, so the duration of the recording is gone.
# Expected: the 102400 samples that the header states, or an error. Seen:
#   rdheader: n_sig 0, sig_len 102400
#   rdrecord: p_signal None, sig_len 0
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q wfdb==4.3.1
printf 'beats 0 1024 102400\n' > beats.hea
venv/bin/python -W ignore - > seen <<'PYTHON'
import wfdb

header = wfdb.rdheader("beats")
print(f"rdheader: n_sig {header.n_sig}, sig_len {header.sig_len}")
record = wfdb.rdrecord("beats")
print(f"rdrecord: p_signal {record.p_signal}, sig_len {record.sig_len}")
PYTHON
cat seen
cat > expected <<'TEXT'
rdheader: n_sig 0, sig_len 102400
rdrecord: p_signal None, sig_len 0
TEXT
diff expected seen
