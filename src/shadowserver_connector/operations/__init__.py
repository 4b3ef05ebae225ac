"""What whoever runs the connector needs: imports by hand, archive, drop folder, status, metrics."""
