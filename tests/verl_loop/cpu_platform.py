"""A processor as one of verl's platforms, so that verl's own loop runs where there is no GPU.

``VERL_USE_EXTERNAL_MODULES`` names it, so that it is loaded in every process of verl, as soon as verl is. All is done
through verl's registries: the platform, verl's FSDP engine for it, and a rollout that samples with transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed
from verl.plugin.platform import PlatformBase, PlatformRegistry

NAME = "cpu"


class Device:
    """What verl uses of ``torch.cuda``, for a device that is never waited for and has no memory of its own."""

    Stream, current_stream, stream = torch.cpu.Stream, torch.cpu.current_stream, torch.cpu.stream

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **named: 0

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def get_device_name(self, *_: Any) -> str:
        return NAME

    def get_rng_state(self, *_: Any) -> torch.Tensor:
        return torch.get_rng_state()

    def mem_get_info(self, *_: Any) -> tuple[int, int]:
        return 1 << 34, 1 << 35


@PlatformRegistry.register(NAME)
class Processor(PlatformBase):
    """The processor. Ray is told that it is a GPU, for that is what verl asks Ray for."""

    device_name = NAME
    vendor_name = "none"
    device_module = Device()

    def is_available(self) -> bool:
        return True

    def current_device(self) -> str:
        return NAME

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None: ...

    def synchronize(self, device_index: int | None = None) -> None: ...

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None: ...

    def empty_cache(self) -> None: ...

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None: ...

    def profiler_stop(self) -> None: ...

    def ray_resource_name(self) -> str:
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None: ...


def _one_backend(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return what starts a group of processes, for verl asks for "cpu:gloo,cpu:gloo" where its device is the processor.

    The only thing of verl's surroundings that is changed, for want of a registry.
    """

    def started(backend: str | None = None, *given: Any, **named: Any) -> Any:
        return start("gloo" if backend and "gloo" in backend else backend, *given, **named)

    return started


torch.distributed.init_process_group = _one_backend(torch.distributed.init_process_group)

# what needs the platform, and registers itself
import sampling  # noqa: E402, F401
from verl.workers.engine import EngineRegistry  # noqa: E402
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead  # noqa: E402

EngineRegistry.register(model_type="language_model", backend="fsdp2", device=NAME)(FSDPEngineWithLMHead)
