#!/bin/sh
# litert-torch (PyPI) 0.10.0 with torch 2.13.0, Python 3.11: the converter writes the Python module in which each layer's
# class is defined into the names of the tensors of the .tflite file. The same network with the same weights, moved from
# nets.py to models_of_next_year.py, gives a file of other bytes (and another length): a hash of a published model, or a check
# that a build is reproducible, fails after a change that moved a file and nothing else. Expected: names from the
# network (conv.weight), as in its state_dict, and equal files. Seen:
#   nets.py: nets.Block in the file: True
#   models_of_next_year.py: models_of_next_year.Block in the file: True
#   same bytes: False
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q torch==2.13.0 litert-torch==0.10.0
cat > nets.py <<'PYTHON'
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 4, 3)

    def forward(self, x):
        return torch.relu(self.conv(x))
PYTHON
cp nets.py models_of_next_year.py
cat > convert.py <<'PYTHON'
import importlib
import sys

import litert_torch
import torch

torch.manual_seed(1)
name = sys.argv[1]
block = torch.nn.Sequential(importlib.import_module(name).Block()).eval()
litert_torch.convert(block, (torch.zeros(1, 2, 100),)).export(f"{name}.tflite")
PYTHON
for name in nets models_of_next_year; do venv/bin/python -W ignore convert.py $name > log 2>&1 || { cat log; exit 1; }; done
python3 - > seen <<'PYTHON'
data = {name: open(f"{name}.tflite", "rb").read() for name in ("nets", "models_of_next_year")}
for name, bytes_ in data.items():
    print(f"{name}.py: {name}.Block in the file: {f'{name}.Block'.encode() in bytes_}")
print("same bytes:", len(set(data.values())) == 1)
PYTHON
cat seen
cat > expected <<'TEXT'
nets.py: nets.Block in the file: True
models_of_next_year.py: models_of_next_year.Block in the file: True
same bytes: False
TEXT
diff expected seen
