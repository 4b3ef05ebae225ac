"""URLs and requests, and the user agents that sent them."""

from __future__ import annotations

from typing import Final

from shadowserver_connector.mapping.cells.addresses import Address
from shadowserver_connector.mapping.cells.urls import build_url
from shadowserver_connector.mapping.objects.collector import PartMaker
from shadowserver_connector.mapping.objects.scoring import indicate
from shadowserver_connector.stix import observables

_WEB: Final = frozenset(["http", "https"])
_TLS_PORTS: Final = frozenset([443, 4443, 8443])


def build_urls(make: PartMaker) -> None:
    """Make the URLs of absolute URL cells."""
    for value in make.values("url"):
        url = _url(make, value)
        make.offer("subject", url)
        if make.shape.controls:
            make.offer("controller", url)
        make.about(value)


def build_request(make: PartMaker) -> None:
    """Make the URL of a request, where host and target are both known."""
    target = make.value("url_part")
    hosts = make.value("domain")
    host = hosts[0] if hosts and len(hosts) == 1 else make.value("ip")
    if target is None or host is None or (make.shape.is_name and isinstance(host, Address)):
        return
    port = make.value("port")
    scheme = make.text("application").lower()
    if scheme not in _WEB:
        scheme = "https" if port in _TLS_PORTS else "http"
    _url(make, build_url(scheme=scheme, host=host.value, port=port, target=target))


def _url(make: PartMaker, value: str) -> str:
    stix = observables.url(make.context.origin, value)
    own_page = make.shape.own_page
    score = make.shape.meaning.score
    url = make.observable(stix, score=score, noted=own_page, tagged=own_page)
    indicate(make, stix)
    make.offer("thing", url)
    return url


def build_user_agent(make: PartMaker) -> None:
    """Make the user agents that clients named themselves."""
    for value in make.values("user_agent"):
        agent = observables.user_agent(make.context.origin, value)
        make.offer("thing", make.observable(agent, noted=False, tagged=False))
