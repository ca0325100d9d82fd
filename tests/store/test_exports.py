import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.store.exports import Account, read_accounts

ANNA = Account("anna", 1_769_860_800.0, "anna@example.com", "203.0.113.7", "free", "batch job")


def only(text, **columns):
    read = read_accounts(text, columns)
    assert not read.bad
    (account,) = read.accounts
    return account


def test_csv_with_usual_names():
    head = "principal,created,email,signup_ip,plan,use\n"
    assert only(head + "anna,2026-01-31T12:00:00Z,Anna@example.com,203.0.113.7,free,batch job\n") == ANNA
    assert (
        only("\ufeff" + head.replace(",", ";") + "anna;2026-01-31 12:00:00;anna@example.com;203.0.113.7;free;batch job")
        == ANNA
    )


@pytest.mark.parametrize(
    "created",
    [
        "1769860800",
        "1769860800000",
        "1769860800000000",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T12:00:00.000Z",
        "2026/01/31 12:00",
        "2026-01-31 12:00:00 UTC",
        "31.01.2026 12:00",
        "1/31/2026 12:00:00 PM",
    ],
)
def test_times_as_people_write_them(created):
    assert only(f"id,created_at\nanna,{created}").created_s == ANNA.created_s


PROVIDERS = {
    "keycloak": {
        "realm": "shop",
        "roles": [],
        "users": [
            {
                "id": "anna",
                "createdTimestamp": 1769860800000,
                "username": "anna.m",
                "email": "anna@example.com",
                "attributes": {"plan": ["free"], "use": ["batch job"], "signup_ip": ["203.0.113.7"]},
            }
        ],
    },
    "auth0": [
        {
            "user_id": "anna",
            "email": "anna@example.com",
            "created_at": "2026-01-31T12:00:00.000Z",
            "last_ip": "198.51.100.4",
            "identities": [{"user_id": "77", "provider": "auth0"}],
            "app_metadata": {"plan": "free", "use": "batch job", "signup_ip": "203.0.113.7"},
        }
    ],
    "okta": [
        {
            "id": "anna",
            "status": "ACTIVE",
            "created": "2026-01-31T12:00:00.000Z",
            "profile": {
                "login": "a@b",
                "email": "anna@example.com",
                "plan": "free",
                "use": "batch job",
                "signupIp": "203.0.113.7",
            },
        }
    ],
    "cognito": {
        "Users": [
            {
                "Username": "anna",
                "UserCreateDate": "2026-01-31T12:00:00+00:00",
                "Attributes": [
                    {"Name": "email", "Value": "anna@example.com"},
                    {"Name": "custom:plan", "Value": "free"},
                    {"Name": "signup_ip", "Value": "203.0.113.7"},
                    {"Name": "use", "Value": "batch job"},
                ],
            }
        ]
    },
    "entra": {
        "@odata.context": "x",
        "value": [
            {
                "id": "anna",
                "createdDateTime": "2026-01-31T12:00:00Z",
                "mail": "anna@example.com",
                "userPrincipalName": "anna@example.onmicrosoft.com",
                "signup_ip": "203.0.113.7",
                "plan": "free",
                "use": "batch job",
            }
        ],
    },
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_identity_providers(provider):
    columns = {"plan": "Attributes.custom:plan"} if provider == "cognito" else {}
    assert only(json.dumps(PROVIDERS[provider]), **columns) == ANNA


def test_a_date_that_may_mean_two_days_is_no_date():
    assert read_accounts("id,created\na,3/4/2026\n").bad[0][1].startswith("expected a date")


def test_json_lines_and_a_single_object():
    line = json.dumps({"principal": "anna", "created": "2026-01-31T12:00:00Z"})
    assert only(line).principal == "anna"
    read = read_accounts(f"{line}\nnonsense\n\n{line}\n")
    assert len(read.accounts) == 2
    assert [number for number, _ in read.bad] == [2]


def test_mapped_columns():
    account = only("who,born\nanna,2026-01-31T12:00:00Z", principal="who", created="born")
    assert (account.principal, account.created_s) == ("anna", ANNA.created_s)


def test_bad_lines_are_counted_and_told_without_personal_values():
    text = """id,created,email,signup_ip
good,2026-01-31,,
late,soon,,
odd,2026-01-31,no-mail-here,
far,2026-01-31,,999.1.2.3
,2026-01-31,,
short,2026-01-31
old,1066-10-14,,
"""
    read = read_accounts(text)
    assert [a.principal for a in read.accounts] == ["good"]
    assert [number for number, _ in read.bad] == [3, 4, 5, 6, 7, 8]
    told = " ".join(why for _, why in read.bad)
    assert "no-mail-here" not in told
    assert "999.1" not in told
    assert "'soon'" in told


def test_a_stray_quote_costs_one_line():
    read = read_accounts('id,plan\na,free\nb,"fr\nc,free\nd,gold\n')
    assert [a.principal for a in read.accounts][-2:] == ["c", "d"]
    assert len(read.accounts) + len(read.bad) == 4


def test_quoted_cells_may_hold_anything():
    read = read_accounts('id,plan,note\na,"fr,ee","two\nlines"\nb,gold,x\n')
    assert [a.plan for a in read.accounts] == ["fr,ee", "gold"]


def test_nesting_without_end_is_an_error():
    with pytest.raises(ConfigError, match="expected JSON"):
        read_accounts("[" * 100_000)
    assert read_accounts('{"id": "a"}\n' + '{"x":' * 100_000).bad[0][0] == 2


def test_entries_that_are_no_objects_are_bad():
    read = read_accounts('[{"id": "a"}, 3, null]')
    assert len(read.accounts) == 1
    assert [number for number, _ in read.bad] == [2, 3]


@pytest.mark.parametrize(
    ("text", "columns", "why"),
    [
        ("", {}, "empty"),
        ("{broken", {}, "expected JSON"),
        ("shoe,size\nred,41\n", {}, "--map principal=COLUMN"),
        ("id\na\n", {"email": "post"}, "expected a column 'post' for email, got: id"),
        ("id\na\n", {"shoe": "id"}, "expected one of principal"),
    ],
)
def test_what_is_no_list_is_an_error(text, columns, why):
    with pytest.raises(ConfigError, match=why):
        read_accounts(text, columns)


def test_a_header_alone_is_an_empty_list():
    assert read_accounts("id,email\n").accounts == []
    assert read_accounts("[]").accounts == []


@given(st.text(max_size=300))
def test_any_text_gives_accounts_or_one_plain_error(text):
    try:
        read = read_accounts(text)
    except ConfigError:
        return
    assert all(account.principal for account in read.accounts)


@pytest.mark.parametrize("column", ["last_ip", "last_login_ip"])
def test_where_somebody_was_last_is_not_where_they_signed_up(column):
    assert only(f"user_id,{column}\nanna,203.0.113.7\n").signup_ip == ""
