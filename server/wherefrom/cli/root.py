"""The tree of commands."""

from __future__ import annotations

from wherefrom.cli import (
    backup,
    contact,
    copy,
    endpoint,
    key,
    mailbox,
    pool,
    report,
    run,
    send,
    sender,
    site,
    smtp,
    suppression,
    target,
    user,
)

app = run.new_app()
for command in (copy.copy, backup.backup, backup.restore):
    app.command()(command)
app.add_typer(site.app, name="site")
app.add_typer(target.app, name="target")
app.add_typer(mailbox.app, name="mailbox")
app.add_typer(smtp.app, name="smtp")
app.add_typer(endpoint.app, name="endpoint")
app.add_typer(pool.app, name="pool")
app.add_typer(report.app, name="report")
app.add_typer(send.app, name="send")
app.add_typer(sender.app, name="sender")
app.add_typer(contact.app, name="contact")
app.add_typer(suppression.app, name="suppression")
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
