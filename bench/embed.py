"""How many short texts a second the default embedder takes: `python -m bench.embed [TEXTS]`."""

import random
import resource
import sys
import time

from index.embed_minilm import MiniLMEmbedder

WORDS = (  # noqa: SIM905 reads better than a list
    "connection refused timeout executor lost task stage service order payment user login failed for root disk full "
    "node pod evicted memory pool exhausted retry upstream reset by peer <*> waiting queue started stopped"
).split(" ")


def main() -> None:
    """Embed templates of 3 to 14 words (about 15 tokens) and print the rate by wall clock and by CPU time."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    choose = random.Random(1)
    texts = [" ".join(choose.choices(WORDS, k=choose.randint(3, 14))) for _ in range(count)]
    started = time.perf_counter()
    embedder = MiniLMEmbedder.load()
    loaded = time.perf_counter()
    embedder.embed(texts[:50])
    began, cpu_began = time.perf_counter(), time.process_time()
    embedder.embed(texts)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"load {loaded - started:.2f} s, peak {peak_mib:.0f} MiB")
    print(f"{count / wall:.0f} texts/s, {count / cpu:.0f} per CPU-second")


if __name__ == "__main__":
    main()
