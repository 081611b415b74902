"""Messages on their way out: first to the disk, then to the broker."""
