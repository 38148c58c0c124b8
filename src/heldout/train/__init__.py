"""Training: group relative policy optimisation with verified rewards, on TRL, with held-out evaluation and a record.

`config` has the settings, `grpo` the recipe, `rewards` what is optimised, `embedded_model` and `warm_start` the policy
that the embedded task starts from, `reward_model` a learned reward, `callbacks` what happens beside the steps,
`remedies` what findings may change and `acting` how it is done, `trl_settings` what settings mean in TRL, `dry_run`
what a run would be. All but
`config` and `remedies` need the extra ``train``.
"""

from __future__ import annotations

from importlib.util import find_spec

from heldout.errors import MissingExtra, how_to_install

_NEEDED = ("torch", "transformers", "trl", "accelerate", "datasets")


def require_extra() -> None:
    """Raise a MissingExtra with the command that installs it where something that training needs is not installed."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"Training needs {missing[0]}, which is not installed; {how_to_install('train')}")
