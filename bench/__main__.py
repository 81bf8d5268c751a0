"""What Millicent costs beside what it would cost without it, how it grows, and how much it takes: `make bench`.

    python -m bench [--parts a,c] [--rounds 7] [--rows 1000000]

    a  processor time of a charge, a check, a hold with its capture and a line of a batch
    b  processor time of a cold start
    c  calls and units of every operation, counted on the wire
    d  charges a second on DynamoDB Local
    e  growth with the rows behind an account
    f  memory
    g  leased spends in one process
    h  a page of a tenant's accounts

A table for each part, and as the last line the figures of all as one JSON object. Every time is measured beside its
reference in the same run, round by round in turn, so that another machine gives other milliseconds and much the same
ratios; a figure is the median of the rounds. Calls and units are the same on every machine. Each part has a process of
its own.
"""

import argparse
import json

from bench.parts import PARTS, report_of


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--parts", type=_parts, default=list(PARTS), help=f"of {','.join(PARTS)}; default all")
    parser.add_argument("--rounds", type=int, default=7, help="default 7; a figure is the median of the rounds")
    parser.add_argument("--rows", type=int, default=1_000_000, help="behind the largest account of part e")
    wanted = parser.parse_args()
    figures: dict[str, float] = {}
    for part in wanted.parts:
        module, title = PARTS[part]
        options = {"most": wanted.rows} if module == "growth" else {}
        report = report_of(part, wanted.rounds, **options)
        print(f"\n({part}) {title}\n{report.table}", flush=True)
        figures.update(report.figures)
    print(f"\n{json.dumps(figures)}")


def _parts(letters: str) -> list[str]:
    parts = letters.replace(",", " ").split()
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    main()
