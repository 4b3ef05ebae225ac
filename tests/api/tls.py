"""The tests' own certificate authority, and a proxy that routes every host to one server."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _expired(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    past = datetime.now(UTC) - timedelta(days=30)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Test CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(past)
        .not_valid_after(past + timedelta(days=1))
    )


def certificates(
    folder: Path, *hosts: str, expired: bool = False, self_signed: bool = False
) -> tuple[Path, ssl.SSLContext]:
    """Make a CA and a server certificate for ``hosts``; return the CA's file and the server's TLS.

    A ``self_signed`` certificate names itself as its issuer, not the CA.
    """
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage |= dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    ca = (
        _builder("Test CA", "Test CA", ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = _builder(hosts[0], hosts[0] if self_signed else "Test CA", key)
    if expired:
        builder = _expired(hosts[0], key)
    builder = builder.add_extension(names, critical=False)
    if not self_signed:
        builder = builder.add_extension(issuer, critical=False)
    certificate = builder.sign(key if self_signed else ca_key, hashes.SHA256())
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    server_file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    return ca_file, context


@contextmanager
def proxy(port: int, *, refusing: str = "") -> Iterator[tuple[str, list[str]]]:
    """Run a CONNECT proxy whose every tunnel ends at ``port``; yield its URL and the requests it
    got.

    A ``refusing`` proxy refuses every CONNECT.
    """
    asked: list[str] = []
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def tunnel(client: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), client, contextlib.ExitStack() as stack:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(4096)
            asked.append(head.decode().splitlines()[0])
            if refusing:
                client.sendall(f"HTTP/1.1 {refusing}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            server = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            other = {client: server, server: client}
            while True:
                for ready in select.select([client, server], [], [], 30)[0] or [client]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                clients.append(listener.accept()[0])
                thread = threading.Thread(target=tunnel, args=(clients[-1],))
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        # What the client keeps alive would keep the tunnel.
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in (accepting, *threads):
            thread.join()
