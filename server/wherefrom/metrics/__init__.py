"""What an operator watches: how much waits, how old it is, who works, what the web side answers (feature K04)."""
