"""Windows in which somebody clicks on a frame: ground points, and lines and zones."""
