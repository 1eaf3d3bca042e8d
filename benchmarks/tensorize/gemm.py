"""Matrix products side by side with oneDNN, XLA and NumPy, on random data.

    python benchmarks/tensorize/gemm.py [--quick] [--json OUT] [--dtypes u8s8] [--sizes 512] [--threads 1,2]
    python benchmarks/tensorize/gemm.py --goals [--threads 1,2]

The right operand is packed once (by us and by oneDNN); packing of the left one is counted. Peers take
turns, and medians are compared; with several threads each turn begins when the threads of the peer before
sleep. `--goals` is what the project has set out to reach, and takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import product

import measuring

DTYPES = ("u8s8", "s8s8", "bf16", "f32", "f64")
SIZES = ("512", "1024", "2048", "4096", "1000x1200x1100")
QUICK = ("512", "1024", "1000x1200x1100")
GOALS = (
    (("u8s8",), ("512", "1024", "2048", "4096"), "oneDNN"),
    (("bf16",), ("1024",), "oneDNN"),
    (("f32", "f64"), ("1024", "1000x1200x1100"), "NumPy"),
)
"""Types, sizes, and the peer to be measured with."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, short runs")
    parser.add_argument("--json", metavar="OUT", help="write the rows here")
    parser.add_argument("--goals", action="store_true", help="the goals' types, sizes and peers, short runs")
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--sizes", help="MxNxK or one number, separated by commas")
    parser.add_argument("--peers", default="oneDNN,NumPy,XLA")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, help="for each comparison")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--tune", action="store_true", help="measure the best few plans first")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options)
        return
    words = [word for word in sys.argv[1:] if word != "--child"]
    rows: list[dict[str, object]] = []
    for threads in map(int, options.threads.split(",")):
        rows += measuring.in_child(__file__, measuring.without(words, "--threads", "--json"), threads)
    measuring.write(rows, options.json)


def _child(options: argparse.Namespace) -> None:
    threads = int(options.threads)
    measuring.pin(threads)
    import peers  # after pinning: libraries count cores when they load

    seconds = options.seconds or (1.0 if options.quick or options.goals else 6.0)
    for dtype, size, chosen in comparisons(options):
        m, n, k = map(int, size.split("x")) if "x" in size else (int(size),) * 3
        for one in peers.gemm(dtype, (m, n, k), threads, seconds, options.clock, options.tune, chosen):
            measuring.show(one)
            print(json.dumps(one), flush=True)


def comparisons(options: argparse.Namespace) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Types, sizes and peers that were asked for."""
    if options.goals:
        for dtypes, sizes, peer in GOALS:
            for dtype, size in product(dtypes, sizes):
                yield dtype, size, frozenset({peer})
        return
    sizes = (options.sizes or ",".join(QUICK if options.quick else SIZES)).split(",")
    for dtype, size in product(options.dtypes.split(","), sizes):
        yield dtype, size, frozenset(options.peers.split(","))


if __name__ == "__main__":
    main()
