"""All SQL of the outbound room, by noun."""
