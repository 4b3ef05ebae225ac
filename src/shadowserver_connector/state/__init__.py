"""What has been imported."""
