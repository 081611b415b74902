"""Results as video: drawing, encoding, the mosaic, the live window."""
