"""E-mail addresses and user accounts."""

from __future__ import annotations

from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.stix import observables


def build_accounts(make: PartMaker) -> None:
    """Make the e-mail addresses and accounts that a row is about."""
    origin = make.context.origin
    for value in make.values("email"):
        email = make.observable(observables.email_addr(origin, value))
        make.offer("thing", email)
        make.offer("subject", email)
        make.about(value)
    for login in make.values("account"):
        account = make.observable(observables.user_account(origin, account_login=login))
        make.offer("thing", account)
        make.offer("subject", account)
        make.about(login)
