"""Tracklets from camera hosts to the centre: messages, brokers, and a disk buffer before them."""
