"""Training data: annotations to samples."""
