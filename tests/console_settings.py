"""What the functions find in their environment about the console: settings that are complete."""

from typing import Final

CONSOLE_SETTINGS: Final = {
    "CONSOLE": "enabled",
    "CONSOLE_ISSUER": "https://issuer.example/pool",
    "CONSOLE_LOGIN": "https://login.example",
    "CONSOLE_CLIENT_ID": "console",
    "CONSOLE_AUDIENCE": "",
    "CONSOLE_SCOPES": "openid credits/read",
    "CONSOLE_CURRENCY": "USD",
    "CONSOLE_MILLICENTS_PER_UNIT": "100000",
}
