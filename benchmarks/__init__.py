"""Speed and endurance measured on this machine; `make bench PART=…` writes docs/benchmarks.md.

Not here: tests. A small run of each part is a test, so that it cannot rot.
"""
