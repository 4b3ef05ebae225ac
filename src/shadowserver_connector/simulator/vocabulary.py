"""The words that generated reports are made of. Data only; all of it invented or reserved.

Addresses, names and numbers are those kept for documentation (RFC 2606, 3849, 5398, 5737, 7042)
and for benchmarks (RFC 2544).
"""

from __future__ import annotations

from collections.abc import Mapping

Words = tuple[str, ...]

OWN_ASNS = tuple(str(number) for number in range(64496, 64504))
REMOTE_ASNS = tuple(str(number) for number in range(64504, 64512))

OWN_PLACES = (
    ("AT", "WIEN", "VIENNA"),
    ("AT", "STEIERMARK", "GRAZ"),
    ("AT", "OBEROSTERREICH", "LINZ"),
    ("AT", "TIROL", "INNSBRUCK"),
    ("AT", "SALZBURG", "SALZBURG"),
    ("AT", "", ""),
)
REMOTE_PLACES = (
    ("DE", "HESSEN", "FRANKFURT AM MAIN"),
    ("US", "CALIFORNIA", "FREMONT"),
    ("UK", "LONDON", "LONDON"),
    ("NL", "NOORD-HOLLAND", "AMSTERDAM"),
    ("ZZ", "", ""),
)
"""Shadowserver writes UK for GB, and ZZ where it does not know."""

SECTORS = (
    ("518210", "Communications, Service Provider, and Hosting Service"),
    ("517311", "Communications, Service Provider, and Hosting Service"),
    ("541690", "Professional, Scientific, and Technical Services"),
    ("611310", "Education"),
    ("921190", "Government"),
    ("622110", "Healthcare and Social Assistance"),
    ("0", ""),
    ("", ""),
)

UDP = frozenset(
    [
        *("chargen", "coap", "dns", "gtp", "ibm-db2", "ike", "isakmp", "ldap_udp"),
        *("mdns", "ms-sql-m", "nat-pmp", "netbios-ns", "ntp", "qotd"),
        *("quic", "rdpeudp", "sip", "snmp", "ssdp"),
        *("stun", "sunrpc", "svrloc", "tftp", "ubiquiti-discovery", "ws-discovery", "xdmcp"),
    ]
)
"""Applications, and types by name, that are scanned over UDP."""

PORTS: Mapping[str, Words] = {
    "adb": ("5555",),
    "afpovertcp": ("548",),
    "amqp": ("5672",),
    "bgp": ("179",),
    "chargen": ("19",),
    "coap": ("5683",),
    "cwmp": ("7547", "30005"),
    "dns": ("53",),
    "epmd": ("4369",),
    "ftp": ("21", "2121"),
    "gtp": ("2123",),
    "http": ("80", "8080", "8000", "8888"),
    "https": ("443", "8443", "10443"),
    "ibm-db2": ("523",),
    "ike": ("500",),
    "imap": ("143", "993"),
    "ipmi": ("623",),
    "ipp": ("631",),
    "isakmp": ("500",),
    "ldap": ("389",),
    "mdns": ("5353",),
    "memcache": ("11211",),
    "mongodb": ("27017",),
    "mqtt": ("1883", "8883"),
    "ms-sql-m": ("1434",),
    "msmq": ("1801",),
    "msrpc": ("135",),
    "mysql": ("3306",),
    "nat-pmp": ("5351",),
    "net-assistant": ("3283",),
    "netbios-ns": ("137",),
    "ntp": ("123",),
    "ntrip": ("2101",),
    "openwire": ("61616",),
    "pop3": ("110", "995"),
    "postgresql": ("5432",),
    "qotd": ("17",),
    "quic": ("443",),
    "radmin-port": ("4899",),
    "rdp": ("3389", "33890"),
    "rdpeudp": ("3389",),
    "redis": ("6379",),
    "rfb": ("5900", "5901"),
    "rocketmq": ("10911",),
    "rsync": ("873",),
    "sip": ("5060",),
    "smart-install": ("4786",),
    "smb": ("445",),
    "smtp": ("25", "587"),
    "snmp": ("161",),
    "socks": ("1080",),
    "ssdp": ("1900",),
    "ssh": ("22", "2222"),
    "stun": ("3478",),
    "sunrpc": ("111",),
    "svrloc": ("427",),
    "telnet": ("23", "2323"),
    "tftp": ("69",),
    "ubiquiti-discovery": ("10001",),
    "ws-discovery": ("3702",),
    "xdmcp": ("177",),
}
OTHER_PORTS = ("80", "443", "22", "23", "8080")

CVES: Mapping[str, Words] = {
    "activemq": ("cve-2023-46604",),
    "exchange": ("cve-2021-26855;cve-2021-34473", "cve-2022-41040", "CVE-2024-21410"),
    "http_vulnerable": ("cve-2023-3519", "cve-2024-3400;cve-2021-44228", "CVE-2018-13379"),
    "rdp": ("cve-2019-0708",),
    "smtp_vulnerable": ("cve-2019-10149", "cve-2023-42115"),
    "imap_vulnerable": ("cve-2011-1926",),
    "ssh": ("cve-2024-6387",),
    "ssl_freak": ("cve-2015-0204",),
    "ssl_poodle": ("cve-2014-3566",),
    "mysql": ("", "", "cve-2012-2122"),
    "device_id": ("", "cve-2022-40684", ""),
}

MALWARE = (
    ("mirai", "mirai"),
    ("avalanche-andromeda", "andromeda"),
    ("downadup", "conficker"),
    ("victorygate.b", "victorygate"),
    ("necurs", "necurs"),
    ("zeroaccess-32bit", "zeroaccess"),
    ("qakbot", "qakbot"),
    ("ghost-push", ""),
)
"""Infection as a sinkhole reports it, and the family that it belongs to."""

ACTIVITIES: Mapping[str, Words] = {
    "adb_scan": ("adb-scan",),
    "brute_force": ("ssh-brute-force", "telnet-brute-force", "ftp-brute-force"),
    "darknet": ("darknet", "mirai"),
    "ddos_amp": ("ddos-amplification",),
    "ddos": ("ddos",),
    "http_scan": ("http-scan",),
    "ics_scan": ("ics-scan",),
    "ikev2_scan": ("ikev2-scan",),
    "rdp_scan": ("rdp-scan",),
    "rocketmq_scan": ("rocketmq-scan",),
    "smb_scan": ("smb-scan",),
    "ip_spoofer": ("ip-spoofer",),
    "account": ("stealer-log", "data-leak"),
    "sinkhole_dns": ("sinkhole-dns",),
}

DEVICES = (
    ("Fortinet", "firewall", "FortiGate", "7.0.5", "enterprise"),
    ("MikroTik", "router", "RB750Gr3", "6.49.10", "consumer"),
    ("Hikvision", "ip-camera", "DS-2CD2143G0-I", "V5.5.82", "consumer"),
    ("QNAP", "nas", "TS-431P", "4.3.6.0895", "smb"),
    ("Synology", "nas", "DS218+", "6.2-25556", "smb"),
    ("Cisco", "switch", "Catalyst 2960", "15.0(2)SE11", "enterprise"),
    ("Ubiquiti", "access-point", "NanoStation Loco M5", "6.3.0", "consumer"),
    ("TP-Link", "router", "Archer C7", "", "consumer"),
)

SERVERS = (
    "nginx/1.18.0 (Ubuntu)",
    "Apache/2.4.41 (Ubuntu)",
    "Microsoft-IIS/10.0",
    "lighttpd/1.4.35",
    "Boa/0.94.14rc21",
    "squid/4.10",
    "nginx",
)

PRODUCTS: Mapping[str, Words] = {
    "server": SERVERS,
    "server_type": SERVERS,
    "os": ("linux", "windows"),
    "system": ("WordPress", "Joomla", "Drupal"),
    "target_product": ("WebLogic Server", "Log4j", "FortiOS"),
    "cups_version": ("CUPS/2.3", "CUPS/1.7"),
    "printer_make_and_model": ("HP LaserJet MFP M426fdn", "Brother HL-L2350DW series"),
    "opensslversion": ("OpenSSL 1.0.1f 6 Jan 2014", "OpenSSL 1.1.1k  25 Mar 2021"),
    "serverid_software": ("OpenSSH_7.4", "OpenSSH_8.9p1", "dropbear_2019.78"),
    "software": ("Coturn-4.5.1.1 'dan Eider'", "restund v0.4.12 (amd64/linux)"),
    "machine_type": ("ExampleCapsule2,1", "Netatalk3.1.12"),
    "platform": ("Erlang/OTP 24.2", "Java"),
    "productname": ("iDRAC7", "Integrated Lights-Out"),
    "modelfull": ("NanoStation Loco M5", "PowerBeam M5 400"),
    "product": ("RabbitMQ", "RealVNC Enterprise v5.3 or later", "Qpid"),
}

VENDORS: Mapping[str, Words] = {
    "target_vendor": ("Oracle", "Apache", "Fortinet"),
    "manufacturername": ("Dell Inc.", "Hewlett-Packard"),
}

VERSIONS: Mapping[str, Words] = {
    "mysql": ("8.0.32-0ubuntu0.20.04.2", "5.5.5-10.3.39-MariaDB", "5.7.41-log"),
    "docker": ("18.05.0-ce", "20.10.21", "1.13.1"),
    "kernel_version": ("4.19.0-23-amd64", "5.4.0-139-generic"),
    "git_version": ("v1.24.7", "v1.19.16"),
    "firmware": ("XM.v6.1.0",),
}
OTHER_VERSIONS = ("2.4.1", "1.0", "7.10.2", "3.6.8", "05.00.0000")

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/108.0.0.0 Safari/537.36",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)",
    "curl/7.68.0",
    "",
)

PATHS = (
    "/",
    "/index.php",
    "/admin/setup.cgi?next=%2Fhome",
    "/bins/mirai.arm7",
    "/wp-content/up.php?x=1",
)
REQUESTS = (
    "GET / HTTP/1.1",
    "POST /api/v1/beacon HTTP/1.1",
    "/task.php",
    "GET /gate?id=42 HTTP/1.0",
)

ORGANISATIONS = ("Example AG", "Example University", "Beispiel GmbH & Co. KG", "Example, Inc.")
ISSUERS = (
    ("Example Root CA", "Example Trust Services", "AT"),
    ("E1", "Example Free Certificates", "US"),
    ("Example Domain Validation CA", "Example Limited", "GB"),
)

TEXTS: Mapping[str, Words] = {
    "hostname_source": ("ptr", "sni"),
    "status": ("likely compromised", "infected", "open", ""),
    "detail": (
        "Implant found in the login page",
        "port 8443 answers with the backdoor's banner",
        "",
    ),
    "reason": ("Spamming", "Brute force"),
    "source": ("Example Blocklist", "abuse feed"),
    "public_source": ("EXAMPLE-SENSORS", "EXAMPLE-SINKHOLE", ""),
    "category": ("botnet", "webshell", "c2"),
    "method": ("http-banner", "tls-certificate", "OPTIONS"),
    "subject": ("Your parcel is waiting", "=?utf-8?q?Rechnung_=C3=BCberf=C3=A4llig?="),
    "entity_name": ORGANISATIONS,
    "banner": (
        "220 ftp.example.org FTP server ready.",
        "|router-17|login:",
        "RFB 003.008",
        "+OK POP3 ready <1.2@example.com>",
        '* OK [CAPABILITY IMAP4rev1] "Dovecot" ready.',
        "",
    ),
    "http": ("HTTP/1.1", "HTTP/1.0"),
    "http_code": ("200", "401", "403", "302", "407"),
    "http_reason": ("OK", "Unauthorized", "Forbidden", "Found"),
    "content_type": ("text/html", "text/html; charset=utf-8", "application/json", ""),
    "connection": ("keep-alive", "close", ""),
    "www_authenticate": ('Basic realm="Router, please log in"', 'Digest realm="cam"', ""),
    "proxy_authenticate": ('Basic realm="Squid proxy-caching web server"', ""),
    "set_cookie": ("SESSION=00aa11bb22cc; path=/; HttpOnly", ""),
    "transfer_encoding": ("chunked", ""),
    "handshake": ("TLSv1.2", "TLSv1.0", "TLSv1.3", "SSLv3"),
    "ssl_version": ("2", "3", "0"),
    "cipher_suite": (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
    ),
    "cert_length": ("1024", "2048", "4096"),
    "validation_level": ("DV", "OV", "unknown"),
    "browser_error": (
        "",
        "x509: certificate signed by unknown authority",
        "x509: certificate has expired",
    ),
    "raw_response": ("RXhhbXBsZSByZXNwb25zZQ==", "ff00a5"),
    "dns_version": ("dnsmasq-2.80", "9.16.1-Ubuntu", ""),
    "quote": ("An example a day, he said,\nkeeps the standards body away.", '"Oh!"'),
    "sysdesc": (
        "Linux example-router 4.4.60 #1 SMP PREEMPT Tue Mar 3 10:00:00 UTC 2020 mips",
        "Example Switch Software, Version 1.2(3), RELEASE (fc1)",
    ),
    "serverid_raw": ("SSH-2.0-OpenSSH_7.4", "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3"),
    "serverid_version": ("2.0",),
    "available_kex": (
        "curve25519-sha256, ecdh-sha2-nistp256, diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ),
    "available_ciphers": ("chacha20-poly1305@openssh.com, aes128-ctr, aes256-gcm@openssh.com",),
    "available_mac": ("umac-64-etm@openssh.com, hmac-sha2-256", "hmac-sha1"),
    "userauth_methods": ("publickey", "publickey;password"),
    "rdp_protocol": ("RDP", "RDSTLS"),
    "vulnerability_enum": ("CVE", ""),
    "vulnerability_class": ("CVSS", ""),
    "vulnerability_score": ("9.8", "7.5", ""),
    "vulnerability_severity": ("CRITICAL", "HIGH", ""),
    "vulnerability_version": ("3.1", "3.0", ""),
    "threat_framework": ("MITRE ATT&CK", ""),
    "threat_tactic_id": ("TA0001", "TA0002", ""),
    "modelshort": ("LM5", "P5B-400", ""),
    "cookie": ("mstshash=Administr", ""),
    "http_method": ("GET", "POST"),
    "http_request_method": ("GET", "POST"),
    "url_scheme": ("http", "https"),
    "attack": ("atk10", "atk7"),
    "query_type": ("A", "AAAA", "TXT"),
    "request_type": ("A", "AAAA"),
    "username": ("root", "admin", "user17"),
    "client_version": ("SSH-2.0-libssh2_1.9.0", "SSH-2.0-Go"),
    "error_message": ("Host '203.0.113.7' is not allowed to connect to this MySQL server", ""),
    "visible_databases": ("local, admin, READ_ME_TO_RECOVER_YOUR_DATA", ""),
    "services": ("_smb._tcp.local.; _http._tcp.local.; _device-info._tcp.local.;",),
    "named_pipe": ("\\\\HOST17\\pipe\\MSSQL$DATA\\sql\\query", ""),
    "naming_contexts": ("DC=ad,DC=example,DC=com|CN=Configuration,DC=ad,DC=example,DC=com",),
    "smb_version_string": ("SMB 2.1", "SMB 1.0", "SMB 3.1.1"),
    "programs": ("100000 4 111/udp; 100003 3 2049/tcp;",),
    "exports": ("/export (everyone)", "/srv/nfs 192.0.2.0/24"),
    "beacon_type": ("HTTPS", "HTTP"),
    "essid": ("example-net", "Example Küche"),
    "module": ("backup|nightly;www|web root;",),
    "motd": ("Welcome to example.org\nAll access is logged\n", ""),
    "mapped_family": ("IPv4",),
    "xor_mapped_family": ("IPv4",),
    "device_id": ("EX0000000042",),
    "usernames": ("yes", "no"),
    "service": ("ssh", "login.example.com"),
    "request": ("Standard query 0x002a ANY example.com", "Standard query 0x0007 TXT example.net"),
}
"""Cells of columns without a role of their own, by name; others are made by the name's form."""

PASSWORDS = ("admin", "123456", "P@ssw0rd, really", "public", "")
NAME_PARTS: tuple[tuple[Words, Words], ...] = (
    (
        ("_support", "supported", "_vulnerable", "_valid", "_expired", "_trusted", "_auth"),
        ("Y", "N"),
    ),
    (("is_", "has_", "client_", "anonymous", "nulluser", "nat"), ("TRUE", "FALSE", "")),
    (("amplification",), ("1.3810", "27.00", "556.90")),
    (("_length", "size", "bytes", "count", "_int", "_code", "_channels"), ("12", "324", "2048")),
    (("_date", "systime", "time"), ("Wed, 31 Jan 2024 13:25:26 GMT", "2024-01-31 08:00:00")),
    (("version", "_major", "_minor", "firmware"), OTHER_VERSIONS),
    (("_name", "name", "host"), ("node17", "EXAMPLE-PC", "srv-01.example.com")),
    (("address", "_ip", "ipv4", "gateway"), ("192.0.2.77", "192.168.0.10", "")),
    (("ipv6", "link_local"), ("fe80::200:5eff:fe00:5301", "")),
    (("_asn", "sender"), ("64500",)),
    (
        ("_key", "_raw", "_data", "base64", "_value", "prime", "modulus"),
        ("RXhhbXBsZSBieXRlcyBvbmx5Lg==", "", ""),
    ),
    (("jarm", "hassh", "_hash", "fingerprint"), ("06046570f0e9f92a30867b4128df6cc7",)),
)
"""Parts of column names, and the cells of columns whose names have one of them."""

OTHER_TEXTS = ("unknown", "1", "", "yes", "n/a", "0")
