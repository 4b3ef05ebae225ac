"""What the connector costs, beside the usual way of doing the same: ``python -m benchmarks``."""
