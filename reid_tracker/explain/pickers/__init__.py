"""Windows in which the user clicks on a frame: ground points, and lines and zones."""
