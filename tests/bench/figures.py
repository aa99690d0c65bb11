"""How the benches print what they measured."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: int) -> float:
    """The value that `share` percent are not above."""
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


def growth(title: str, small: dict[str, float], large: dict[str, float], *, most: float) -> None:
    """How much longer each server takes for a long document than for a short one."""
    print(f"\n{title}")
    for name, value in large.items():
        print(f"  {name:22} {value / small[name]:9.2f} x", flush=True)
    print(f"  at most {most:g} x: {'yes' if large['codeteam'] <= most * small['codeteam'] else 'NO'}")


def table(
    title: str, found: dict[str, float], unit: str, *, against: str = "", most: float | None = None, limit: float = 0
) -> None:
    print(f"\n{title}")
    for name, value in found.items():
        ratio = f"{value / found[against]:6.2f} x {against}" if against else ""
        print(f"  {name:22} {value:9.2f} {unit} {ratio}", flush=True)
    ours = found["codeteam"]
    if most is not None:
        print(f"  at most {most:g} x {against}: {'yes' if ours <= most * found[against] else 'NO'}")
    if limit:
        print(f"  at most {limit:g} {unit}: {'yes' if ours <= limit else 'NO'}")


def line(title: str, value: float, limit: float) -> None:
    print(f"{title}: {value:.1f} ms; at most {limit:g}: {'yes' if value <= limit else 'NO'}", flush=True)
