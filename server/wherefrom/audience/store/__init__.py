"""All SQL of the audience room, by noun."""
