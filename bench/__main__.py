"""What a charge and a cold start cost beside what they would cost without us: `make bench`.

    python -m bench [--rounds 9]

A table, and as the last line a JSON object of the ratios. Every figure is measured beside its reference in the same
run, in processor time, so that another machine gives other milliseconds and much the same ratios.
"""

import argparse
import json

from bench import charges, cold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9, help="default 9; a figure is the median of the rounds")
    rounds = parser.parse_args().rounds
    charged_ms, started_ms = charges.measured(rounds), cold.measured(rounds)
    for title, times_ms in (("one call", charged_ms), ("a cold start", started_ms)):
        print(f"\n{title}, processor time")
        for name, time_ms in times_ms.items():
            print(f"  {name:<26}{time_ms:9.3f} ms")
    print(f"\n{json.dumps({**charges.ratios(charged_ms), **cold.ratios(started_ms)})}")


if __name__ == "__main__":
    main()
