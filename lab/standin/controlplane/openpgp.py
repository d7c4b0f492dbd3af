"""Encryption with a passphrase as OpenPGP has it (RFC 4880), so that `gpg -d` opens what `backup` writes."""

import hashlib
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16
_AES256, _SHA256 = 9, 8
_ITERATED, _COUNT = 3, 0x60  # a count octet that stands for 65536 octets
_OCTETS = (16 + (_COUNT & 15)) << ((_COUNT >> 4) + 6)
_SESSION_KEY, _LITERAL, _PROTECTED = 3, 11, 18
_DIGEST_HEADER = b"\xd3\x14"


def encrypted(data: bytes, passphrase: str) -> bytes:
    """Return the data as an OpenPGP message that the passphrase opens."""
    salt = secrets.token_bytes(8)
    session_key = _packet(_SESSION_KEY, bytes([4, _AES256, _ITERATED, _SHA256]) + salt + bytes([_COUNT]))
    return session_key + _packet(_PROTECTED, b"\x01" + _sealed(data, _key(passphrase.encode(), salt)))


def _sealed(data: bytes, key: bytes) -> bytes:
    """Return the literal data behind a random block, with a digest that tells of changes, all enciphered."""
    start = secrets.token_bytes(_BLOCK)
    plain = start + start[-2:] + _packet(_LITERAL, b"b\0" + bytes(4) + data) + _DIGEST_HEADER
    return _fed_back(plain + hashlib.sha1(plain, usedforsecurity=False).digest(), key)


def _fed_back(plain: bytes, key: bytes) -> bytes:
    """Encipher in CFB mode; block by block, for the library's own has another place in each of its versions."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    sealed, last = bytearray(), bytes(_BLOCK)
    for at in range(0, len(plain), _BLOCK):
        last = bytes(a ^ b for a, b in zip(plain[at : at + _BLOCK], cipher.update(last), strict=False))
        sealed += last
    return bytes(sealed)


def _key(passphrase: bytes, salt: bytes) -> bytes:
    salted = salt + passphrase
    octets = max(_OCTETS, len(salted))
    return hashlib.sha256((salted * (octets // len(salted) + 1))[:octets]).digest()


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
