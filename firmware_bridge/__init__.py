"""The wire protocol between sensor firmware and host: PROTOCOL.md is the spec, `codec` the Python side."""
