"""One working day of a small team on the sandbox, told as it happens and held against the simulator's meters."""
