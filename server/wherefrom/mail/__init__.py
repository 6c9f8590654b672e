"""Mail as the world sends it: IMAP sessions, letters parsed, blobs."""
