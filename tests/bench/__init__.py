"""Benchmarks: `make bench [ONLY=name]`. Each module measures one thing against a control in the same run."""
