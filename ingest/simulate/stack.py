"""Stack traces as Java, Python and Go print them, made up of a service's own words."""

import numpy as np

from ingest.simulate.draw import choose
from ingest.simulate.layout import Runtime

_VERBS = ("load", "store", "resolve", "map", "validate", "convert", "dispatch", "merge", "fetch", "apply")
_NOUNS = ("Entry", "Request", "Record", "Batch", "Item", "Context", "Session", "Document", "Quote", "Slot")
_ERRORS: dict[Runtime, tuple[str, ...]] = {
    "java": ("java.lang.IllegalStateException", "java.io.UncheckedIOException", "java.util.NoSuchElementException"),
    "python": ("RuntimeError", "KeyError", "LookupError", "ConnectionResetError"),
    "go": ("index out of range", "invalid memory address or nil pointer dereference", "send on closed channel"),
}
_MEMORY_ERRORS: dict[Runtime, str] = {
    "java": "java.lang.OutOfMemoryError: Java heap space",
    "python": "MemoryError",
    "go": "runtime: out of memory",
}


def stack_trace(runtime: Runtime, rng: np.random.Generator, package: str, *, out_of_memory: bool = False) -> str:
    """What follows a message: four to nine frames in code of `package` (`com.brand.role`), after line breaks, with
    the error's name before or, in Java and Python, among them.
    """
    error = _MEMORY_ERRORS[runtime] if out_of_memory else choose(rng, _ERRORS[runtime])
    frames = [
        (choose(rng, _VERBS), choose(rng, _NOUNS), int(rng.integers(12, 480))) for _ in range(rng.integers(4, 10))
    ]
    word = package.rpartition(".")[2]
    if runtime == "java":
        body = [f"\tat {package}.{noun}Service.{verb}{noun}({noun}Service.java:{row})" for verb, noun, row in frames]
        cause = f"Caused by: {choose(rng, _ERRORS['java'])}: {frames[-1][1].lower()} was not there"
        return "\n".join(["", f"{error}: cannot {frames[0][0]} {frames[0][1].lower()}", *body, cause, "\t... 11 more"])
    if runtime == "python":
        body = []
        for verb, noun, row in frames:
            body.append(f'  File "/app/{word}/{noun.lower()}.py", line {row}, in {verb}_{noun.lower()}')
            body.append(f"    return self.{verb}(key)")
        return "\n".join(["", "Traceback (most recent call last):", *body, f"{error}: {frames[-1][1].lower()}"])
    body = []
    for verb, noun, row in frames:
        body.append(f"main.(*{noun}).{verb}(0xc00011e{row:03x})")
        body.append(f"\t/src/{word}/{noun.lower()}.go:{row} +0x{row:x}")
    return "\n".join([f": {error}", "goroutine 41 [running]:", *body])
