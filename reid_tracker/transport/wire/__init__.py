"""The messages between camera hosts and the centre, and their form as bytes."""
