"""`exalift tensorize`: the instructions that fit, and why others do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from exalift.cli import main
from exalift.llvm import host_target

PRODUCT = """
void product(int m, int n, int k, float a[m][k], float b[k][n], float c[m][n]) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      c[i][j] = 0;
      for (int p = 0; p < k; p++) c[i][j] += a[i][p] * b[p][j];
    }
}
void largest(int n, float a[n], float out[1]) {
  out[0] = a[0];
  for (int i = 1; i < n; i++) out[0] = out[0] > a[i] ? out[0] : a[i];
}
"""


DEPTHWISE = """
void depthwise(const float x[16][16][40], const float w[3][3][40], float out[14][14][40]) {
  for (int i = 0; i < 14; i++)
    for (int j = 0; j < 14; j++)
      for (int c = 0; c < 40; c++) {
        float sum = 0;
        for (int r = 0; r < 3; r++)
          for (int s = 0; s < 3; s++) sum += x[i + r][j + s][c] * w[r][s][c];
        out[i][j][c] = sum;
      }
}
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "product.c"
    path.write_text(PRODUCT)
    return str(path)


@pytest.mark.skipif(not host_target().is_x86, reason="the descriptions that fit are x86's")
def test_the_ways_are_listed_and_checked(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tensorize", source, "-f", "product", "--size", "m=64", "--explain"]) == 0
    text = capsys.readouterr().out
    assert "proved equal for all values at these sizes" in text
    assert "mul_add_f32_xmm  a x b  m=i:64 n=j:" in text
    assert "tdpbusd" in text and "no: multiply in f32, the instruction's in i32" in text


def test_depthwise_windows_go_along_the_channels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "depthwise.c"
    path.write_text(DEPTHWISE)
    assert main(["tensorize", str(path), "--for", "avx512f"]) == 0
    first = capsys.readouterr().out.splitlines()[2]
    assert (
        first.strip().startswith("fma_f32_zmm  x x w  batch=i:14 m=j:14 n=c:40 k=r:3*s:3")
        and " along c " in first
    )


def test_other_machines_can_be_asked_for(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Those whose kernels run elsewhere: of a CPU with a length of vectors, of a GPU."""
    where = ["tensorize", source, "-f", "product", "--size", "m=64", "--for"]
    assert main([*where, "neon,sve,sve=256"]) == 0
    text = capsys.readouterr().out
    assert "fmla_f32_z256  a x b  m=i:64" in text and "fmla_f32_z512" not in text and "zmm" not in text
    assert main([*where, "sm_90a,allow-tf32"]) == 0
    text = capsys.readouterr().out
    assert "wgmma_m64n64k8_tf32_tf32  a x b  m=i:64" in text and "bytes shared" in text
    assert main([*where, "sm_90a"]) == 0
    assert "no instruction fits" in capsys.readouterr().out


def test_a_region_without_a_way_says_why(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tensorize", source, "-f", "largest"]) == 0
    assert "largest:" in (text := capsys.readouterr().out)
    assert "fma" not in text


def test_wrong_usage_is_refused(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tensorize", source, "--size", "zz=3"]) == 2
    assert main(["tensorize", source, "--threads", "0"]) == 2
    assert main(["tensorize", source, "-f", "nothing"]) == 2
    assert "zz" in capsys.readouterr().err
