"""The Reports API: sign, ask, retry, stream a file to disk."""
