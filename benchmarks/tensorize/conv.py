"""ResNet-50's distinct convolutions side by side with oneDNN: bytes, NHWC, requantised to u8, random data.

    python benchmarks/tensorize/conv.py [--quick] [--json OUT] [--batches 1,16] [--threads 1,2]

Weights are packed once by both; whatever is done to the activations is counted. The last line of each
number of threads is the geometric mean of the ratios.
"""

from __future__ import annotations

import argparse
import json
import math
import sys

import measuring

# Height and width, channels in and out, window, stride: He et al., "Deep Residual Learning" (2015), table 1.
LAYERS = (
    (224, 3, 64, 7, 2),
    (56, 64, 64, 1, 1),
    (56, 64, 64, 3, 1),
    (56, 64, 256, 1, 1),
    (56, 256, 64, 1, 1),
    (56, 256, 128, 1, 1),
    (56, 128, 128, 3, 2),
    (28, 128, 512, 1, 1),
    (56, 256, 512, 1, 2),
    (28, 512, 128, 1, 1),
    (28, 128, 128, 3, 1),
    (28, 512, 256, 1, 1),
    (28, 256, 256, 3, 2),
    (14, 256, 1024, 1, 1),
    (28, 512, 1024, 1, 2),
    (14, 1024, 256, 1, 1),
    (14, 256, 256, 3, 1),
    (14, 1024, 512, 1, 1),
    (14, 512, 512, 3, 2),
    (7, 512, 2048, 1, 1),
    (14, 1024, 2048, 1, 2),
    (7, 2048, 512, 1, 1),
    (7, 512, 512, 3, 1),
)
QUICK = (0, 1, 2, 8, 10, 16, 22)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="some layers, batch 1, short runs")
    parser.add_argument("--json", metavar="OUT", help="write the rows here")
    parser.add_argument("--batches")
    parser.add_argument("--layers", help="numbers from 0, separated by commas")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, help="for each comparison")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--tune", action="store_true", help="measure the best few plans first")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options)
        return
    rows: list[dict[str, object]] = []
    for threads in map(int, options.threads.split(",")):
        words = measuring.without(sys.argv[1:], "--threads", "--json")
        found = measuring.in_child(__file__, words, threads)
        ratios = [float(str(row["ratio"])) for row in found]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"{threads} thread(s): geometric mean {mean:.3f}, least {min(ratios):.2f}", file=sys.stderr)
        rows += found
    measuring.write(rows, options.json)


def _child(options: argparse.Namespace) -> None:
    threads = int(options.threads)
    measuring.pin(threads)
    import peers  # after pinning: libraries count cores when they load

    batches = options.batches or ("1" if options.quick else "1,16")
    chosen = QUICK if options.quick else tuple(range(len(LAYERS)))
    if options.layers:
        chosen = tuple(map(int, options.layers.split(",")))
    seconds = options.seconds or (0.5 if options.quick else 2.0)
    for batch in map(int, batches.split(",")):
        for layer in chosen:
            one = peers.convolution(batch, LAYERS[layer], threads, seconds, options.clock, options.tune)
            measuring.show(one)
            print(json.dumps(one), flush=True)


if __name__ == "__main__":
    main()
