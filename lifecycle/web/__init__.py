"""What people meet over HTTP: who they are, what they may say, and how they are answered."""
