"""Ids as people have them, and strategies of Hypothesis for all others."""

import string

from hypothesis import strategies as st

ALPHABET = "".join(sorted(set(string.printable) - set(string.whitespace) - set('#~"\\')))
REAL = (
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "google-oauth2|103547991597142817347",
    "waad|x9Xq2L_0=/kcJ+",
    "alice+test@example.com",
    "o'brien@example.com",
    "arn:aws:iam::123456789012:user/division_abc/Zhang",
    "arn:aws:sts::123456789012:assumed-role/role-name/session,name",
    "AAAAAAAAAAAAAAAAAAAAAIkzqFXuVdOv0Xg/f+A=",
    "https://accounts.example.com/users?id=1&x=2;y",
    "00uid4BxXw6I6TV4m0g3",
    "0b6f8a8e-3f0e-4a36-9d55-6a1f6a0c0001",
)
"""Of Auth0, Google, Entra ID behind Auth0, people, IAM, base64, a URL, Okta, Keycloak and Cognito."""
ODD = (
    "/", "?", "%", "+", "=", "|", ";", "&", ".", "..", ",", "%2F", "%2525", "a/../b", "a?x=1", "a%41", "x/entries",
    "[a]", "<script>", "${a}", "{actor}", "'", "`", "*", "-", "--help", "=1+1", "a//b",
    "x" * 128, "/" * 128, ALPHABET,
)  # fmt: skip
ids = st.text(ALPHABET, min_size=1, max_size=128)
short_ids = st.text("ab/%?.@:|=+-", min_size=1, max_size=4)
"""Where two ids of a name are likely to meet."""
