"""Letters the owner sends: each to one person, with what became of it."""
