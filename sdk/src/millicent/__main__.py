"""`python -m millicent` is the command line."""

from millicent.cli import main

main(prog_name="millicent")
