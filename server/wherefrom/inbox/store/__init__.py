"""All SQL of the inbox room, a module per noun. Functions take the transaction first and never commit."""
