"""Real servers on loopback for the tests: mail, database, browser, HTTP receiver, SMTP sink."""
