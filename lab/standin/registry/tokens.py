"""Bearer tokens of the Docker Registry API: signed here, checked by Distribution and by the API."""

import base64
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt

from registry.certificates import KeyPair, der_of
from registry.names import TOKEN_ISSUER, TOKEN_SERVICE

LIFETIME = 300
_SLACK = 30

Access = list[dict[str, Any]]


@dataclass(frozen=True)
class Claims:
    """Who a token was issued to, and what it allows."""

    subject: str
    access: Access

    def allows(self, kind: str, name: str, action: str) -> bool:
        """Tell whether the token holds this action on this resource."""
        return any(
            item["type"] == kind and item["name"] == name and action in item["actions"]
            for item in self.access
        )


def issue(signer: KeyPair, subject: str, access: Access) -> str:
    """Return a signed token that allows this access for five minutes."""
    now = int(time.time())
    claims = {
        "iss": TOKEN_ISSUER, "sub": subject, "aud": TOKEN_SERVICE, "iat": now, "nbf": now - _SLACK,
        "exp": now + LIFETIME, "jti": str(uuid.uuid4()), "access": access,
    }  # fmt: skip
    chain = [base64.b64encode(der_of(signer.certificate)).decode()]
    return str(jwt.encode(claims, signer.key, algorithm="ES256", headers={"x5c": chain}))


def check(signer: KeyPair, token: str) -> Claims | None:
    """Return what a token allows; None when it is forged or has expired."""
    public_key = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).prepare_key(signer.key)
    try:
        claims = jwt.decode(
            token, public_key.public_key(), algorithms=["ES256"], audience=TOKEN_SERVICE, issuer=TOKEN_ISSUER
        )
    except jwt.PyJWTError:
        return None
    return Claims(claims.get("sub", ""), claims.get("access") or [])
