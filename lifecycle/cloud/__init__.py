"""The only folder that speaks Azure: each module is one port's real adapter."""
