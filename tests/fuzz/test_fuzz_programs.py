"""The generator and the shrinker themselves: in bounds, deterministic, and smaller while it fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fuzz_programs import generate
from fuzz_sanitized import whole_program
from fuzz_shrink import candidates, shrink

_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=address,bounds,null,shift")


def test_a_seed_is_a_program() -> None:
    assert generate(7) == generate(7)
    texts = {generate(seed).text for seed in range(200)}
    assert len(texts) == 200


@pytest.mark.parametrize("start", range(0, 12, 4))
def test_programs_stay_in_bounds(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 4):
        source, binary = tmp_path / f"{seed}.c", tmp_path / str(seed)
        source.write_text(whole_program(generate(seed)))
        compile_line = ["gcc", "-w", "-O1", *_SANITIZERS, str(source), "-o", str(binary), "-lm"]
        subprocess.run(compile_line, check=True, timeout=60)
        done = subprocess.run([str(binary)], capture_output=True, text=True, timeout=60, check=False)
        assert "Sanitizer" not in done.stderr and "out of bounds" not in done.stderr, done.stderr
        # Values may overflow; the harness drops such programs.
        assert done.returncode == 0 or "runtime error" in done.stderr, done.stderr


def test_programs_have_what_people_write() -> None:
    texts = "\n".join(generate(seed).text for seed in range(400))
    for feature in (
        *("for (int i", "for (i", "while (", "i--)", "i-- >", "+= 2)", "if (", "} else {", "? "),
        *("double", "float", "unsigned", "uint8_t", "int64_t", "const ", "#define", "return r;"),
        *("fmax", "sqrt", "++;", "[n - i - 1]", "for (int t", "tmp", "*out", " % ", "-= 2)"),
    ):
        assert feature in texts, f"no program has {feature!r}"


def test_shrinking_keeps_what_fails_and_little_else() -> None:
    text = next(t for t in (generate(seed).text for seed in range(400)) if "tanh" in t and "for (" in t)
    small = shrink(text, lambda candidate: "tanh" in candidate and "kernel(" in candidate, 20.0)
    assert small.count("\n") <= 4 and len(small) < len(text) / 3
    assert "tanh" in small
    assert all("kernel(" in candidate for candidate in candidates(text))
