"""Training in miniature: settings, and the command as a person types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Problems and completions enough for a gradient, and a reward of the user's own: a policy this young solves nothing.
SMALL = {
    "warm_steps": 5,
    "prompts": 2,
    "samples": 4,
    "max_tokens": 16,
    "evaluate_problems": 4,
    "evaluate_every": 2,
    "save_every": 2,
    "record_every": 2,
    "threads": 1,
}


def heldout_train(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person types it."""
    command = [sys.executable, "-m", "heldout", "train", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def flags(**settings: object) -> list[str]:
    """Settings as flags."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
