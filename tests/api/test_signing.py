from shadowserver_connector.api.client import sign


def test_signature_is_hmac_sha256_in_hex() -> None:
    """RFC 4231, test case 2."""
    assert (
        sign(b"what do ya want for nothing?", "Jefe")
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_secret_may_hold_any_character() -> None:
    """A secret outside of ASCII counts as its UTF-8 bytes."""
    assert sign(b"{}", "schlüssel") != sign(b"{}", "schlussel")
