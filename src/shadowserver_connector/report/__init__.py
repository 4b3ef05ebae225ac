"""A report: its metadata, and its rows as a stream in constant memory."""
