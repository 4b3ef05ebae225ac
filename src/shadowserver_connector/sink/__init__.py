"""Where bundles go: a directory, or OpenCTI."""
