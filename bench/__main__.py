"""What a charge and a cold start cost beside what they would cost without us: `make bench`.

    python -m bench [--rounds 9]

A table, and as the last line a JSON object of the ratios. Every time is measured beside its reference in the same
run, in processor time, so that another machine gives other milliseconds and much the same ratios. Calls and units of
DynamoDB are counted on the wire and are the same on every machine.
"""

import argparse
import json

from bench import charges, cold, units


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9, help="default 9; a figure is the median of the rounds")
    rounds = parser.parse_args().rounds
    charged_ms, started_ms = charges.measured(rounds), cold.measured(rounds)
    for title, times_ms in (("one call", charged_ms), ("a cold start", started_ms)):
        print(f"\n{title}, processor time")
        for name, time_ms in times_ms.items():
            print(f"  {name:<26}{time_ms:9.3f} ms")
    counted = units.measured()
    print(f"\none operation, on the wire\n{units.table(counted)}")
    figures = {**charges.ratios(charged_ms), **cold.ratios(started_ms), **units.figures_of_interest(counted)}
    print(f"\n{json.dumps(figures)}")


if __name__ == "__main__":
    main()
