"""A real Dovecot on loopback: IMAP (plain, STARTTLS), IMAPS with a certificate of our own, and LMTP to deliver by.

Runs as an ordinary user with its own configuration in a temporary folder. Any user name before the `@` is delivered to,
whatever the domain and whatever stands after `+`; a catch-all domain brings all its mail to one user. Accounts are
cheap: a test takes its own and never shares one. Knows nothing about Wherefrom.
"""

import grp
import itertools
import shutil
import smtplib
import socket
import string
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import imapclient  # type: ignore[import-untyped]

from tests.support.certificates import Certificates, make_certificates
from tests.support.daemon import Daemon, DaemonFailed, give, make_home, ordinary_user
from tests.support.ports import LOOPBACK, free_port, wait_free

# What 2.3 offers after login, less IDLE: what a client sees of a server that must be polled.
WITHOUT_IDLE = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+ CHILDREN NAMESPACE UIDPLUS UNSELECT "
    "LIST-EXTENDED CONDSTORE QRESYNC ESEARCH MOVE SPECIAL-USE"
)

_LIBRARIES = ("/usr/lib/dovecot", "/usr/libexec/dovecot", "/usr/local/libexec/dovecot")

# One passwd file a user and a domain: a file that grows would be read again only a second after it was last looked at.
# `auth-penalty` off and no failure delay: one test's wrong password must not slow the next test down.
_CONFIG = string.Template("""
base_dir = $home/run
state_dir = $home/state
log_path = /dev/stderr
protocols = imap lmtp
listen = $host
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
first_valid_uid = 1
first_valid_gid = 1

mail_location = maildir:%h/Maildir
mail_uid = $uid
mail_gid = $gid
mail_fsync = never
mail_max_userip_connections = 10000
recipient_delimiter = +
postmaster_address = postmaster@localhost
hostname = localhost
auth_failure_delay = 0 secs
auth_cache_size = 0
disable_plaintext_auth = no
$capability
$tokens

ssl = yes
ssl_cert = <$cert_file
ssl_key = <$key_file

passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%Ln $home/users/%Ln
}
userdb {
  driver = passwd-file
  args = username_format=%Ld $home/domains/%Ld
}
userdb {
  driver = passwd-file
  args = username_format=%Ln $home/users/%Ln
}

namespace inbox {
  inbox = yes
  separator = /
  mailbox Junk {
    auto = subscribe
    special_use = \\Junk
  }
}

service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  client_limit = 1000
  inet_listener imap {
    port = $imap_port
  }
  inet_listener imaps {
    port = $imaps_port
    ssl = yes
  }
}
service imap {
  process_limit = 1000
}
service lmtp {
  process_min_avail = 1
  inet_listener lmtp {
    port = $lmtp_port
  }
}
""")


_TOKENS = string.Template("""
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $file
}
""")
_TOKEN_CHECK = string.Template("""
introspection_mode = post
introspection_url = $url
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
scope = mail
""")


@dataclass(frozen=True)
class Account:
    """A mailbox somebody can log in to. `address` is its plain address; any domain would arrive as well."""

    user: str
    password: str
    address: str


class Dovecot:
    """The server. `Dovecot()` prepares it, `start` runs it; a later `stop` and `start` keep the ports and the mail.

    With `introspection_url` it takes OAuth tokens too, and asks there whose they are (RFC 7662).
    """

    host = LOOPBACK

    def __init__(self, *, idle: bool = True, introspection_url: str = "") -> None:
        program = find_program()
        if program is None:
            raise DaemonFailed("Dovecot is not installed")
        self._idle = idle
        self._introspection_url = introspection_url
        self.owner = ordinary_user()
        self.home = make_home("dovecot", self.owner)
        self.certificates: Certificates = make_certificates(self.home)
        self.imap_port = free_port()
        self.imaps_port = free_port()
        self.lmtp_port = free_port()
        self._numbers = itertools.count(1)
        for folder in ("users", "domains"):
            (self.home / folder).mkdir()
            give(self.home / folder, self.owner)
        give(self.certificates.key_file, self.owner)
        config = self._write("dovecot.conf", self._configuration())
        self._daemon = Daemon(
            [program, "-F", "-c", str(config)], self.home, self.owner, lambda: _greets(self.imap_port, self.lmtp_port)
        )

    @property
    def ca_file(self) -> Path:
        """The authority a client must trust to speak TLS with this server."""
        return self.certificates.ca_file

    @property
    def running(self) -> bool:
        return self._daemon.running

    def start(self) -> None:
        """Starts, or starts again, with the same ports and the same mail. Blocks well under a second.

        Call it from a thread that lives on (the tests' own thread): the server ends with the thread that started it.
        """
        self._daemon.start()

    def stop(self) -> None:
        """Ends the server and every connection to it; the mail stays, and its ports are free."""
        self._daemon.stop()
        wait_free(self.imap_port, self.imaps_port, self.lmtp_port)

    def remove(self) -> None:
        """Ends the server for good and deletes its mail."""
        self._daemon.remove()

    def log_tail(self, lines: int = 30) -> str:
        """The end of the server's log, for a message of failure."""
        return self._daemon.log_tail(lines)

    def add_user(self, name: str | None = None, catchall_domain: str | None = None) -> Account:
        """A new account with an empty mailbox; its name is made up when none is given.

        A name that was there before starts again with no mail, so that tests may use the same one in turn. With
        `catchall_domain`, whatever is delivered to any name at that domain arrives here too.
        """
        user = (name or f"user{next(self._numbers)}").lower()
        password = f"secret of {user}"
        home = self.home / "mail" / user
        shutil.rmtree(home, ignore_errors=True)
        self._write(f"users/{user}", f"{user}:{password}:{self.owner.pw_uid}:{self.owner.pw_gid}::{home}\n")
        if catchall_domain:
            domain = catchall_domain.lower()
            mapped = f"{domain}::{self.owner.pw_uid}:{self.owner.pw_gid}::{home}::user={user}\n"
            self._write(f"domains/{domain}", mapped)
        return Account(user, password, f"{user}@{catchall_domain or 'company.example'}")

    def deliver(self, recipient: str, raw: bytes, sender: str = "lead@customer.example") -> None:
        """Delivers one letter by LMTP, as a mail server would. Raises smtplib's errors when it is refused."""
        with smtplib.LMTP(self.host, self.lmtp_port, timeout=60) as client:
            refused = client.sendmail(sender, [recipient], raw)
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)

    def append_to(
        self, account: Account, folder: str, raw: bytes, flags: tuple[bytes, ...] = (), at: datetime | None = None
    ) -> int:
        """Puts a letter into a folder by IMAP, as one that arrived ``at`` (now), and returns its UID. The folder is
        made when it is missing."""
        with self.imap(account) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            answer = client.append(folder, raw, flags, at)
        return int(answer.split(b"APPENDUID ")[1].split(b"]")[0].split()[1])

    def imap(self, account: Account) -> imapclient.IMAPClient:
        """A client that is logged in, for a test to look or move things with. Use it in a `with`: it logs out."""
        client = imapclient.IMAPClient(self.host, port=self.imap_port, ssl=False, timeout=60)
        client.login(account.user, account.password)
        return client

    def renumber(self, account: Account, folder: str) -> int:
        """Makes the server forget its UIDs: same letters, UIDs from 1, a new UIDVALIDITY, which is returned.

        Works on any folder, also INBOX. A client that has it open must select it again.
        """
        maildir = self.home / "mail" / account.user / "Maildir"
        place = maildir if folder.upper() == "INBOX" else maildir / f".{folder.replace('/', '.')}"
        for known in [*place.glob("dovecot-uidlist*"), *place.glob("dovecot.index*")]:
            known.unlink(missing_ok=True)  # a lock of the server's own may be gone by now
        with self.imap(account) as client:
            return int(client.select_folder(folder, readonly=True)[b"UIDVALIDITY"])

    def recreate_folder(self, account: Account, folder: str) -> int:
        """Deletes a folder with its letters and makes an empty one of the same name. Returns the new UIDVALIDITY."""
        with self.imap(account) as client:
            client.delete_folder(folder)
            client.create_folder(folder)
            return int(client.select_folder(folder, readonly=True)[b"UIDVALIDITY"])

    def _configuration(self) -> str:
        return _CONFIG.substitute(
            home=self.home,
            host=self.host,
            user=self.owner.pw_name,
            group=_group_name(self.owner.pw_gid),
            uid=self.owner.pw_uid,
            gid=self.owner.pw_gid,
            capability="" if self._idle else f"imap_capability = {WITHOUT_IDLE}",
            tokens=self._token_configuration(),
            cert_file=self.certificates.cert_file,
            key_file=self.certificates.key_file,
            imap_port=self.imap_port,
            imaps_port=self.imaps_port,
            lmtp_port=self.lmtp_port,
        )

    def _token_configuration(self) -> str:
        if not self._introspection_url:
            return ""
        return _TOKENS.substitute(
            file=self._write("oauth2.conf.ext", _TOKEN_CHECK.substitute(url=self._introspection_url))
        )

    def _write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text)
        give(path, self.owner)
        return path


def find_program() -> str | None:
    """The Dovecot program; system folders are looked at too, which an ordinary user's PATH leaves out."""
    return shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")


def find_obstacle() -> str | None:
    """Why no Dovecot can be run here; None when it can."""
    program = find_program()
    if program is None:
        return "is not installed"
    if not any(Path(folder, "lmtp").exists() for folder in _LIBRARIES):
        return "has no LMTP server"
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return None if answer.startswith("2.3.") else f"is {answer or 'broken'}, and the tests' configuration is for 2.3"


def _group_name(gid: int) -> str:
    return grp.getgrgid(gid).gr_name


def _greets(*ports: int) -> bool:
    for port in ports:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
                if not connection.recv(1):
                    return False
        except OSError:
            return False
    return True
