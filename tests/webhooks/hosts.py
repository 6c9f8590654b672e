"""The hosts of the guard's table: all the ways in which a URL may lead inside, and neighbours that do not.

LITERALS are spelled in the URL itself; NAMES are asked of a name server, whose answers stand beside them.
"""

LITERALS = {
    "this machine": [
        "127.0.0.1", "127.0.0.53", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "crm.localhost",
        "0", "0.0.0.0", "0.1.2.3", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]",
    ],
    "odd spellings of IPv4": [
        "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0x0.0x0.0x1", "0x7f.1", "017700000001", "0177.0.0.1",
        "0177.0.0.01", "127.0.0.1.", "127.0x0.0.01", "0xa000001", "167772161", "012.0.0.1", "10.1", "192.168.257",
        "0xc0a80101", "2852039166", "0xa9fea9fe", "169.254.43518", "１２７.０.０.１", "①②⑦.⓪.⓪.①",
        "127。0。0。1", "①⓪.0.0.1",
    ],
    "private and shared networks": [
        "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255", "100.64.0.1",
        "100.127.255.254", "198.18.0.1", "198.19.255.255", "192.0.0.8",
    ],
    "clouds' metadata": [
        "169.254.169.254", "169.254.170.2", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "[fd00:ec2::254]", "[fd20:ce::254]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
    ],
    "reserved, multicast, broadcast": [
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
    ],
    "IPv4 inside IPv6": [
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:10.0.0.1]",
        "[::ffff:192.168.1.1]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[::10.0.0.1]",
    ],
    "tunnels and translations": [
        "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::127.0.0.1]", "[64:ff9b:1:fffe:7f:0:100::]", "[2002:7f00:1::]", "[2002:a00:1::1]",
        "[2002:a9fe:a9fe::]", "[2002:c0a8:101::1]", "[2001:0:7f00:1::]", "[2001::f5ff:fffe]",
        "[2a00:1450::5efe:7f00:1]", "[2a00:1450::200:5efe:10.0.0.1]",
    ],
    "unique local, link-local, site-local, multicast": [
        "[fc00::1]", "[fd00::1]", "[fdff:ffff::1]", "[fe80::1]", "[febf::1]", "[fec0::1]", "[feff::1]", "[ff02::1]",
        "[ff05::2]", "[ff0e::1]",
    ],
    "addresses bound to one network card": [
        "[fe80::1%25lo]", "[fe80::1%lo]", "[fe80::1%251]", "[2a00:1450::1%25eth0]", "[::1%25lo]",
    ],
    "blocks nobody was given": ["[100::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[4000::1]", "[e000::1]"],
}  # fmt: skip

NAMES = {
    "inside.example": ["127.0.0.1"],
    "private.example": ["10.0.0.5"],
    "metadata.example": ["169.254.169.254"],
    "six.example": ["::1"],
    "local.example": ["fd00::5"],
    "link.example": ["fe80::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::127.0.0.1"],
    "sixtofour.example": ["2002:7f00:1::1"],
    "mixed.example": ["93.184.215.14", "127.0.0.1"],
    "mixed-last.example": ["93.184.215.14", "1.1.1.1", "8.8.8.8", "9.9.9.9", "149.112.112.112", "10.0.0.5"],
    "mixed-six.example": ["93.184.215.14", "::1"],
    "zero.example": ["0.0.0.0"],
    "xn--bcher-kva.example": ["192.168.1.1"],
    "inside.example.": ["127.0.0.1"],
}

CONFUSING = [
    "http://crm.example@127.0.0.1/", "http://127.0.0.1@crm.example/", "http://crm.example:80@10.0.0.1/",
    "http://127.0.0.1\\@crm.example/", "http://crm.example\\@127.0.0.1/", "http://127.0.0.1#@crm.example/",
    "http://127.0.0.1?@crm.example/", "http:///127.0.0.1/", "http:127.0.0.1/", "http:\\\\127.0.0.1/",
    "//127.0.0.1/", "http://127.0.0.1%2f@crm.example/", "http://127.0.0.1%00.crm.example/", "http://[::1]@crm.example/",
    "http://%31%32%37.0.0.1/", "http://127.0.0.1\t.example/", "http://127.0.0.1\r\nHost: crm.example/",
    "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/", "ftp://127.0.0.1/",
    "unix:///var/run/docker.sock", "data:text/plain,x", "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
]  # fmt: skip
"""URLs that two readers may read in two ways."""

OUTSIDE = [
    "8.8.8.8", "134744072", "0x08080808", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
    "192.167.1.1", "169.253.1.1", "[2a00:1450:4001:81b::200e]", "[2606:4700:4700::1111]", "[::ffff:8.8.8.8]",
    "[64:ff9b::8.8.8.8]", "crm.example", "localhost.example", "127.0.0.1.example", "10.example",
]  # fmt: skip
"""Their neighbours, which may be called."""
