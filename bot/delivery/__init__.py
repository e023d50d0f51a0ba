"""What is owed becomes messages, and messages are sent: outbox, folding, lanes, leases."""
