"""The whole product on one machine: the real service beside an embedded mailbox, a demo site and a demo CRM.

Nothing here is used by the service itself; everything here goes through the service's outside doors (the script, the
collector, IMAP, the webhook), so that what the demo shows is what a real site gets.
"""
