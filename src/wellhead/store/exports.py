"""Lists of accounts as other systems write them: CSV, JSON, JSON lines, and the exports of identity providers."""

from __future__ import annotations

import csv
import io
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from wellhead.core.errors import ConfigError

FIELDS: Mapping[str, tuple[str, ...]] = {
    "principal": (
        *("principal", "owner", "account", "accountid", "userid", "clientid", "sub", "id", "localid"),
        *("username", "login", "profilelogin", "userprincipalname", "name"),
    ),
    "created": (
        *("created", "createdat", "createdtime", "createdtimestamp", "createddatetime", "createdon", "createddate"),
        *("usercreatedate", "creationtime", "creationdate", "signup", "signupat", "signupdate", "signuptime"),
        *("signedupat", "registered", "registeredat", "registrationdate", "datejoined", "createdday"),
    ),
    "email": (
        *("email", "emailaddress", "mail", "profileemail", "primaryemail", "useremail"),
        *("attributesemail", "userprincipalname"),
    ),
    "signup_ip": (
        *("signupip", "signupipaddress", "registrationip", "registeredip", "createdip", "createdfromip"),
        *("ip", "ipaddress"),
    ),
    "plan": ("plan", "planname", "tier", "subscription", "subscriptionplan", "appmetadataplan", "profileplan"),
    "use": ("use", "usecase", "declareduse", "purpose", "appmetadatause", "profileuse"),
}
"""What is wanted, and the column names that mean it, the most telling first; case and marks do not count."""

_EARLIEST, _LATEST = 0.0, 4_102_444_800.0
_DELIMITERS = ",;\t|"
_DATES = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p")
"""Dates that are not ISO 8601 and yet mean one day only; `3/4/2026` without AM or PM does not."""


class Account(NamedTuple):
    """One line of a list. created_s: seconds since 1970 UTC, None unknown; other fields are empty where unknown."""

    principal: str
    created_s: float | None
    email: str
    signup_ip: str
    plan: str
    use: str


class Accounts(NamedTuple):
    """A list as read. columns: which column each field came from.  bad: (line or entry number, what is wrong)."""

    accounts: list[Account]
    columns: dict[str, str]
    bad: list[tuple[int, str]]


def read_accounts(text: str, columns: Mapping[str, str] | None = None) -> Accounts:
    """The accounts in a CSV, JSON or JSON lines text; lines that cannot be read are counted, not fatal.

    columns: field -> column, for those that are not called as usual (nested: `profile.email`).
    Raises ConfigError where the text is no list, or no column says who an account is.
    """
    entries, bad = _entries(text)
    found = _columns([entry for _, entry in entries], columns or {})
    accounts = []
    for number, entry in entries:
        try:
            accounts.append(_account({field: entry.get(column, "") for field, column in found.items()}))
        except ValueError as e:
            bad.append((number, str(e)))
    return Accounts(accounts, found, sorted(bad))


def _entries(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[tuple[int, str]]]:
    """Each entry with its number, flat; and those that are none."""
    text = text.lstrip("\ufeff")
    if text.lstrip()[:1] not in ("[", "{"):
        return _csv(text)
    try:
        return _listed(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError) as e:
        if "\n" not in text.strip():
            raise ConfigError(f"expected JSON, got: {e}") from e
        return _json_lines(text)


def _csv(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[tuple[int, str]]]:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    header: list[str] = []
    good, bad = [], []
    for number, row in _rows(text, delimiter):
        if isinstance(row, str):
            bad.append((number, row))
        elif not header:
            header = [name.strip() for name in row]
        elif len(row) == len(header):
            good.append((number, dict(zip(header, (cell.strip() for cell in row), strict=True))))
        elif row:
            bad.append((number, f"expected {len(header)} columns, got {len(row)}"))
    if not header:
        raise ConfigError("expected a list of accounts, got an empty file")
    return good, bad


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the number of its (last) line, or what is wrong with it."""
    # a stray quote would make one cell of all that follows: then a line is a row
    whole = text.count('"') % 2 == 0
    sources = [text] if whole else text.splitlines()
    for before, source in enumerate(sources):
        reader = csv.reader(io.StringIO(source, newline=""), delimiter=delimiter)
        while True:
            try:
                row: list[str] | str = next(reader)
            except StopIteration:
                break
            except csv.Error as e:
                row = str(e)
            yield before + reader.line_num, row


def _listed(tree: Any) -> tuple[list[tuple[int, dict[str, str]]], list[tuple[int, str]]]:
    """A JSON list, or the longest list in an object, as identity providers write it (`users`, `Users`, `value`)."""
    if isinstance(tree, dict):
        lists = [value for value in tree.values() if isinstance(value, list)]
        tree = max(lists, key=len) if lists else [tree]
    numbered = list(enumerate(tree, 1)) if isinstance(tree, list) else []
    good = [(i, dict(_flat(entry))) for i, entry in numbered if isinstance(entry, dict)]
    return good, [(i, "expected an object") for i, entry in numbered if not isinstance(entry, dict)]


def _json_lines(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[tuple[int, str]]]:
    good, bad = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            good.append((number, dict(_flat(msgspec.json.decode(line, type=dict[str, Any])))))
        except (msgspec.MsgspecError, RecursionError) as e:
            bad.append((number, f"expected a JSON object, got: {e}"))
    return good, bad


def _flat(entry: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested keys with dots; of a list the first value, and of a list of names and values each by its name."""
    for key, held in entry.items():
        value = _unlisted(held)
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", str(value)


def _unlisted(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if value and all(isinstance(v, dict) and {"Name", "Value"} <= set(v) for v in value):
        return {v["Name"]: v["Value"] for v in value}
    return value[0] if value else None


def _columns(entries: Sequence[Mapping[str, str]], given: Mapping[str, str]) -> dict[str, str]:
    """Which column holds each field."""
    present = list(dict.fromkeys(column for entry in entries for column in entry))
    for field, column in given.items():
        if field not in FIELDS:
            raise ConfigError(f"expected one of {', '.join(FIELDS)} to map, got {field!r}")
        if entries and column not in present:
            raise ConfigError(f"expected a column {column!r} for {field}, got: {', '.join(present[:40])}")
    found = {field: given.get(field) or _usual(present, names) for field, names in FIELDS.items()}
    if entries and not found["principal"]:
        raise ConfigError(
            f"expected a column that says who an account is, got: {', '.join(present[:40])}",
            "name it: --map principal=COLUMN",
        )
    return {field: column for field, column in found.items() if column}


def _usual(present: Iterable[str], names: Sequence[str]) -> str:
    """The column with the most telling name: by its whole path, else by the last part of it."""
    columns = list(present)
    for bare in (_bare, lambda column: _bare(column.rpartition(".")[2])):
        called = {bare(column): column for column in reversed(columns)}
        for name in names:
            if name in called:
                return called[name]
    return ""


def _bare(column: str) -> str:
    return re.sub(r"[\W_]+", "", column).lower()


def _account(entry: Mapping[str, str]) -> Account:
    """Raises ValueError with what is wrong."""
    principal = entry["principal"].strip()
    if not principal or len(principal) > 256 or not principal.isprintable():
        raise ValueError(f"expected a principal, got {principal[:40]!r}")
    return Account(
        principal=principal,
        created_s=_read(entry, "created", _time, None),
        email=_read(entry, "email", _email, ""),
        signup_ip=_read(entry, "signup_ip", _address, ""),
        plan=entry.get("plan", "").strip(),
        use=entry.get("use", "").strip(),
    )


def _read(entry: Mapping[str, str], field: str, read: Callable[[str], Any], empty: Any) -> Any:
    text = entry.get(field, "").strip()
    return read(text) if text else empty


def _time(text: str) -> float:
    """Seconds since 1970 from ISO 8601 or _DATES (UTC without a zone), or from seconds, milli- or microseconds."""
    try:
        number = float(text)
        seconds = number / (1e6 if number > 1e14 else 1e3 if number > 1e11 else 1.0)
    except ValueError:
        moment = _moment(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not _EARLIEST <= seconds < _LATEST:
        raise ValueError(f"expected a date from 1970 to 2099, got {text[:40]!r}")
    return seconds


def _moment(text: str) -> datetime:
    with suppress(ValueError):
        return datetime.fromisoformat(text.replace("/", "-").removesuffix(" UTC"))
    for form in _DATES:
        with suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007
    raise ValueError(f"expected a date such as 2026-01-31T12:00:00Z, got {text[:40]!r}")


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text) or len(text) > 320:
        raise ValueError("expected an e-mail address with one @, got something else")
    return text.lower()


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("expected an IP address, got something else") from None
