"""What has been imported, as plain data."""
