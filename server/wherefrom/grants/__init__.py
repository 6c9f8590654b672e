"""What providers granted: the right to read a mailbox without its password, asked for, kept and renewed."""
