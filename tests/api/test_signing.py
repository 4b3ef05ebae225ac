from shadowserver_connector.api.client import sign


def test_signature_is_hmac_sha256_in_hex() -> None:
    """The signature of RFC 4231's test case 2 is the one given there."""
    assert (
        sign(b"what do ya want for nothing?", "Jefe")
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_secret_may_hold_any_character() -> None:
    """A secret that is not ASCII is signed with as its UTF-8 bytes."""
    assert sign(b"{}", "schlüssel") != sign(b"{}", "schlussel")
