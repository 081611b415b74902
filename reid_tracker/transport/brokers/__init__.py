"""Message brokers behind one interface: within the process, NATS, MQTT."""
