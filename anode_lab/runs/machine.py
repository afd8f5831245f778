"""The machine that this process runs on: its processor, its cores, its devices."""

import os
import platform
from functools import cache
from pathlib import Path

import torch

CPU = "cpu"


@cache
def processor() -> str:
    """Model of the processor, where the system tells it, and the instructions that torch uses."""
    names = []
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices() -> tuple[str, ...]:
    """The devices that can be trained on here: "cpu", "cuda", "cuda:0" and so on."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return (CPU, *(("cuda",) if count else ()), *(f"cuda:{index}" for index in range(count)))
