"""Each figure that the README or the docs state, as a ratio to a peer from one run: ``python -m benchmarks``."""
