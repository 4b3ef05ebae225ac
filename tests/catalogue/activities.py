"""What the cells of malware columns should be read as, written independently of the data."""

from __future__ import annotations


def _cells(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BY_ENDING = _cells("""
dns-amplification supply-chain-attack web-attacks login-attempt telnet-login-attempts ssh-brute
wordpress-brute-force ssh-brute-forcer ftp-brute-forcing rdp-bruteforce smb-bruteforcer
imap-bruteforcing web-crawler http-ddos user-enumeration router-exploit log4j-exploitation
iot-exploits syn-flood avalanche-generic ssh-honeypot smtp-login owa-password-spraying
bank-phishing sip-probe web-probing ntp-reflection ldap-scan http-scanner vnc-scanners
adb-scanning sip-scans dns-sinkhole botnet-unknown exchange-vulnerable accessible-ftp
brute-force-ssh bruteforce-telnet compromised-website ddos-participant exploit-kit exposed-git
generic-trojan hacked-webserver honeypot-events open-resolver phishing-kit scan-tcp sinkhole-dns
spam-bot unclassified-bot unknown-bot vulnerable-router
""")
"""One for each form, which nothing else covers."""

BY_WORD = _cells("""
abuse amplification attack attacker badsecret badsecrets blocklist brute-force bruteforce
click-fraud clickfraud compromise compromised cryptojacking data-leak ddos defacement dos
exploit exploitation exposed flood infected infection intrusion ip-spoofer ip-spoofing leak
login malicious malware-url password-spraying phish phishing portscan probe reconnaissance scan
scanner scanning spam spoofing stealer-log stealer-logs suspicious test unauthorized-access
unclassified undetermined vulnerable

darknet honeypot network-telescope proxy sandbox sensor sinkhole sinkholedns spamtrap telescope
tor tor-exit tor-exit-node vpn

adware android apt backdoor banker banking-trojan bot botnet botnet-c2 botnet-cc bots c2
c2-server cc cnc coin-miner coinminer command-and-control crypto-miner cryptominer dga
downloader dropper ek fake-av generic implant info-stealer information-stealer infostealer iot
iot-botnet iot-malware keylogger loader malware miner mobile-malware other password-stealer
potentially-unwanted-application pua pup ransomware rat remote-access-trojan rootkit spambot
spyware stealer trojan virus web-shell webshell wiper worm

activemq adb afp amqp ard bacnet bgp chargen cisco cldap coap couchdb cwmp db2 dicom dnp3 dns
docker drupal elasticsearch epmd exchange fortinet ftp ftps git gtp hadoop http http-proxy https
ics ike ikev2 imap imaps ipmi ipp irc isakmp ivanti jenkins joomla kubernetes ldap ldaps mdns
memcached mikrotik modbus mongodb mqtt msmq msrpc mssql mysql nat-pmp netbios nfs ntp ntrip pop3
pop3s portmapper postgres postgresql qotd quic radmin rdp rdpeudp redis rocketmq rpc rsync rtsp
s7comm sip slp smb smtp smtps snmp socks socks4 socks5 ssdp ssh ssl stun tcp telnet tftp tls
tr-069 udp upnp vnc voip vmware winrm wordpress ws-discovery xdmcp

bluekeep citrixbleed eternalblue freak heartbleed log4j log4shell poodle proxylogon proxyshell
shellshock spring4shell zerologon
""")

OTHERWISE_SPELT = (
    *("SSH-Brute-Force", "ssh_brute_force", " HTTP scan ", "Web Shell", "C2", "Port Scanning"),
    *("iot-scan", "sip-scan", "honeypot-rdp-scan", "port-scan", "ddos-amplification"),
    *("exploit-attempt", "compromised-account", "mysql-brute-force", "rocketmq-scan"),
)
"""In other case, with other separators, or of a form that is there for another name already."""

FAMILIES = _cells("""
mirai qakbot zeroaccess necurs gamarue andromeda gozi virut conficker downadup sality salityv3
ramnit tinba torpig zeus gameover-zeus-dga gameover-zeus-proxy spyeye dorkbot caphaw cycbot
matsnu nymaim ranbyus teslacrypt goznym kins dircrypt pykspa palevo pandabanker nivdort emotet
trickbot qsnatch systembc vpnfilter cyclops-blink moobot gafgyt hajime mozi xorddos ddostf
socks5systemz proxyback tsunami darkcomet remcos njrat asyncrat redline lumma raccoon vidar
avalanche-andromeda android.badbox victorygate.b ghost-push xcodeghost cobalt-strike lockbit
play royal clop akira scanbox botenago torii bankbot
""")
