"""What comes back of letters that were sent: bounces and complaints, read from the mailboxes."""
