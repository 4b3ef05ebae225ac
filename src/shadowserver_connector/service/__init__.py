"""The connector as a process: what it consists of, started, supervised, and stopped in time."""
