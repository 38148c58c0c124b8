"""A training that is killed in its third step, before it has saved anything: a script."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

if __name__ == "__main__":
    from tiny_trainer import maker

    from heldout.callbacks import HeldoutCallback

    folder = Path(sys.argv[1])
    calls = iter(range(1, 100))

    def reward(completions: list[str], **_: Any) -> list[float]:
        if next(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return [float(len(one)) for one in completions]

    maker(folder)("GRPO", reward, HeldoutCallback(folder / "run"), max_steps=4, save_steps=3).train()
