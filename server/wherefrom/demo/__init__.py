"""The whole product on one machine with an embedded mailbox, a demo site and a demo CRM."""
