"""One report from file to chunks; many reports on an executor."""
