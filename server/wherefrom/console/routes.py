"""The console's addresses.

/                                         the first site's messages
/login  /logout                           (logging out is a POST)
/sites/{site}/messages[.csv]              the history, as a page and as a file
/sites/{site}/messages/poll               what has changed
/sites/{site}/messages/{message}          one letter; below it sheet, original.eml, files/N, match
/sites/{site}/lost                        the report of lost mail
/sites/{site}/sources                     the report by source
/sites/{site}/contacts[.csv]              contacts by what they did, as a page and as a file; below it totals
/sites/{site}/contacts/{contact}          one contact; below it export.json, erase, suppressions/N/undo
/sites/{site}/setup                       what the site needs; below it one address per form
/oauth/callback/{provider}                where providers send people back who connect a mailbox
/static/{name}                            style, scripts, mark
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from wherefrom.console import (
    connect,
    entry,
    export,
    folders,
    history,
    letter,
    lost,
    old_mail,
    people,
    person,
    receivers,
    sending,
    setup,
    sources,
    totals,
)
from wherefrom.console.desk import Answer, Desk, GuestAnswer, for_guests, for_readers
from wherefrom.console.page import process_pages
from wherefrom.services import Services

_READ: tuple[tuple[str, Answer], ...] = (
    ("/", history.show_start),
    ("/sites/{site}/messages", history.show_messages),
    ("/sites/{site}/messages/poll", history.poll_messages),
    ("/sites/{site}/messages.csv", export.export_messages),
    ("/sites/{site}/messages/{message}", letter.show_letter),
    ("/sites/{site}/messages/{message}/sheet", letter.show_sheet),
    ("/sites/{site}/messages/{message}/original.eml", letter.serve_original),
    ("/sites/{site}/messages/{message}/files/{number}", letter.serve_attachment),
    ("/sites/{site}/lost", lost.show_lost_mail),
    ("/sites/{site}/sources", sources.show_sources),
    ("/sites/{site}/contacts", people.show_people),
    ("/sites/{site}/contacts.csv", people.export_file),
    ("/sites/{site}/contacts/count", people.count_found),
    ("/sites/{site}/contacts/totals", totals.show_totals),
    ("/sites/{site}/contacts/{contact}", person.show_person),
    ("/sites/{site}/contacts/{contact}/export.json", person.serve_export),
    ("/sites/{site}/setup", setup.show_setup),
    ("/sites/{site}/setup/mailboxes/{mailbox}/old", old_mail.show_old_mail),
    ("/sites/{site}/setup/mailboxes/{mailbox}/folders", folders.show_folders),
)
_CHANGE: tuple[tuple[str, Answer], ...] = (
    ("/sites/{site}/messages/{message}/match", letter.correct_match_form),
    ("/sites/{site}/messages/{message}/deliveries/{delivery}", letter.resend_delivery),
    ("/sites/{site}/contacts", people.add_contact_form),
    ("/sites/{site}/contacts/filters", people.save_filter_form),
    ("/sites/{site}/contacts/filters/{filter}/remove", people.remove_filter_form),
    ("/sites/{site}/contacts/totals/zone", totals.set_zone_form),
    ("/sites/{site}/contacts/{contact}", person.change_form),
    ("/sites/{site}/contacts/{contact}/suppressions/{suppression}/undo", person.undo_form),
    ("/sites/{site}/contacts/{contact}/erase", person.erase_form),
    ("/sites/{site}/setup/enabled", setup.set_enabled),
    ("/sites/{site}/setup/options", setup.set_options),
    ("/sites/{site}/setup/targets", setup.add_target_form),
    ("/sites/{site}/setup/mailboxes", setup.add_mailbox_form),
    ("/sites/{site}/setup/mailboxes/{mailbox}/test", setup.test_mailbox_form),
    ("/sites/{site}/setup/mailboxes/{mailbox}/send-old", old_mail.send_old_form),
    ("/sites/{site}/setup/mailboxes/{mailbox}/folders", folders.set_folders_form),
    ("/sites/{site}/setup/mailboxes/connect", connect.connect_form),
    ("/sites/{site}/setup/mailboxes/{mailbox}/connect", connect.connect_again_form),
    ("/sites/{site}/setup/endpoints", receivers.add_endpoint_form),
    ("/sites/{site}/setup/endpoints/{endpoint}/test", receivers.try_endpoint_form),
    ("/sites/{site}/setup/endpoints/{endpoint}/status", receivers.set_endpoint_status),
    ("/sites/{site}/setup/endpoints/{endpoint}/events", receivers.set_endpoint_events),
    ("/sites/{site}/setup/endpoints/{endpoint}/resend", receivers.resend_form),
    ("/sites/{site}/setup/endpoints/{endpoint}/secret", receivers.change_secret_form),
    ("/sites/{site}/setup/endpoints/{endpoint}/remove", receivers.remove_endpoint_form),
    ("/sites/{site}/setup/sender", sending.set_sender_form),
    ("/sites/{site}/setup/sender/test", sending.test_sender_form),
    ("/sites/{site}/setup/sender/remove", sending.remove_sender_form),
    ("/sites/{site}/setup/sender/keys", sending.add_key_form),
    ("/sites/{site}/setup/sender/keys/remove", sending.remove_key_form),
)
_GUESTS: tuple[tuple[str, str, GuestAnswer], ...] = (
    ("GET", "/login", entry.show_login),
    ("POST", "/login", entry.enter),
    ("POST", "/logout", entry.leave),
    ("GET", "/oauth/callback/{provider}", connect.show_callback),
)


def routes(services: Services) -> list[BaseRoute]:
    """All of them; mount them last, since they begin at ``/``."""
    desk = Desk(services, process_pages())
    return [
        *(Route(path, for_guests(desk, answer), methods=[method]) for method, path, answer in _GUESTS),
        *(Route(path, for_readers(desk, answer), methods=["GET"]) for path, answer in _READ),
        *(Route(path, for_readers(desk, answer), methods=["POST"]) for path, answer in _CHANGE),
        Route("/static/{name}", for_guests(desk, _serve_file), methods=["GET"]),
    ]


async def _serve_file(desk: Desk, request: Request) -> Response:
    return desk.pages.file(request.path_params["name"], versioned="v" in request.query_params)
