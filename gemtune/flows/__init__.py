"""What to send, what an answer means, and when to send or look again: generators without I/O and without a clock."""
