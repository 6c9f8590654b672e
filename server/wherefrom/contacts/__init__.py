"""People the owner writes to: their address, what they agreed to, and how much of the mail they read."""
