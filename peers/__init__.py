"""Clients that we did not write, each with a life cycle of its own against the simulator: `make peers`."""
