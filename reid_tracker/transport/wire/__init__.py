"""Messages between camera hosts and the centre, and how they become bytes."""
