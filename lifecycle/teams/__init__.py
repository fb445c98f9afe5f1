"""The Teams outgoing webhook: who wrote, what they want, and what they are told. Pure."""
