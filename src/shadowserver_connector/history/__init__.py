"""What has been reported before: first and last day of findings, and since when they are so."""
