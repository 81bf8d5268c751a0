"""`millicent console`: the console in a browser, signed in."""

import webbrowser
from urllib.parse import urlencode

import click

from millicent.cli.invocation import Invocation, pass_invocation
from millicent.endpoint import find_endpoint


@click.command()
@click.option("--no-open", is_flag=True, help="Only print the address. It has the token in it.")
@click.option("--page", default="/", help="The page, such as /accounts/user:alice.")
@pass_invocation
def console(invocation: Invocation, *, no_open: bool, page: str) -> None:
    """Open the console in a browser.

    With a token (that of the laptop cloud lasts an hour), the address has it in its fragment, which no server sees and
    which the page takes out at once. Without one, the page asks to sign in.
    """
    address = console_address(invocation, page)
    if no_open or not webbrowser.open(address):
        click.echo(address)
        return
    click.echo(f"opened {address.partition('#')[0]}")


def console_address(invocation: Invocation, page: str) -> str:
    """Raises ConfigurationError if no service is configured, TokenError if its token cannot be had."""
    endpoint = find_endpoint(invocation.url, invocation.token)
    below = page if page.startswith("/") else f"/{page}"
    place = urlencode({"token": endpoint.tokens.token(), "to": below}) if endpoint.tokens else below
    return f"{str(endpoint.base_url).rstrip('/')}/console#{place}"
