"""The names of columns that number rows, and of those that name runs."""

from __future__ import annotations

# Columns that number the rows, best first. Case is ignored; a path in front of the last part is allowed for these.
# Environment steps stand before iterations, which are fewer; what counts episodes or files comes last.
STEP_KEYS: tuple[str, ...] = (
    *("step", "global_step", "train/global_step", "training/global_step", "trainer/global_step"),
    *("timesteps_total", "time/total_timesteps", "total_timesteps", "num_env_steps_sampled_lifetime", "timesteps"),
    *("training_iteration", "progress/step", "_step", "steps", "iteration", "iter", "update", "n_updates"),
    *("time/iterations", "episode", "checkpoint", "revision"),
)

# Columns that say which run a row belongs to, when one table holds several.
RUN_KEYS: tuple[str, ...] = (
    *("run", "run_id", "run_name", "experiment", "experiment_name", "exp", "exp_name", "trial", "trial_id", "seed"),
    *("arm", "variant", "condition", "method", "algo", "algorithm", "model", "model_name", "label"),
)
