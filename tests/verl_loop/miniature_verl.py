"""A training of verl that is as small as one can be: its model, its problems and its command."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import psutil
import scores
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
PAD, END = "<pad>", "<end>"
HELD_OUT, TRAINING = 64, 64  # problems
TRAINED_ON, ANSWERS = 8, 8  # problems of a step, and answers of each
LONGEST = 12  # letters of an answer
PATIENCE = 1800.0  # seconds for a whole training, on a machine that has much else to do
TRIES = 8
UP, TOO_SLOW = b"Started a local Ray instance", b"The current node timed out during startup"  # what Ray says
_CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def write_model(folder: Path) -> None:
    """Make a model that answers with letters drawn by lot, and its tokenizer."""
    words = {word: place for place, word in enumerate([PAD, END, *scores.LETTERS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=PAD))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, chat_template=_CHAT
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
        pad_token_id=words[PAD],
        bos_token_id=None,
        eos_token_id=words[END],
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def write_problems(folder: Path) -> None:
    """Write the problems that are trained on, and those that are held out; none asks for the letter that is gamed."""
    texts = ["".join(word) for word in itertools.product(scores.LETTERS, repeat=4)]
    random.Random(0).shuffle(texts)
    asked = scores.LETTERS.replace(scores.GAMED, "")
    for name, problems in (("train", texts[:TRAINING]), ("held-out", texts[TRAINING : TRAINING + HELD_OUT])):
        rows = [
            {
                "data_source": "letters",
                "prompt": [{"role": "user", "content": text}],
                "reward_model": {"style": "rule", "ground_truth": asked[place % len(asked)]},
                "extra_info": {"index": place},
            }
            for place, text in enumerate(problems)
        ]
        pl.DataFrame(rows).write_parquet(folder / f"{name}.parquet")


def start(folder: Path, log: str, reward: str, *settings: str) -> subprocess.Popen[bytes]:
    """Start a training in a folder that holds the model and the problems; verl's own metrics go to ``{log}.jsonl``.

    Ray gives its own processes 15 s to come up, which is too little on a busy machine: then it is started again.
    """
    for _ in range(TRIES):
        training = _launched(folder, log, reward, *settings)
        while training.poll() is None:
            if UP in (folder / f"{log}.log").read_bytes():
                return training
            time.sleep(0.5)
        if TOO_SLOW not in (folder / f"{log}.log").read_bytes():
            break
    raise AssertionError(said(folder, log))


def _launched(folder: Path, log: str, reward: str, *settings: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
        "VERL_PLATFORM": "cpu",
        "VERL_USE_EXTERNAL_MODULES": "cpu_platform,heldout.callbacks.verl",
        "VERL_FILE_LOGGER_PATH": str(folder / f"{log}.jsonl"),
        "HF_HUB_OFFLINE": "1",
        "HYDRA_FULL_ERROR": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = [sys.executable, "-m", "verl.trainer.main_ppo", *_settings(folder, reward), *settings]
    with (folder / f"{log}.log").open("wb") as out:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )


def said(folder: Path, log: str) -> str:
    """Return the end of what a training has printed."""
    return (folder / f"{log}.log").read_text(errors="replace")[-8000:]


def wait_for(training: subprocess.Popen[bytes], folder: Path, log: str) -> None:
    """Wait until a training has ended by itself, which must go well."""
    try:
        code = training.wait(PATIENCE)
    finally:
        kill(training)
    assert code == 0, said(folder, log)


def kill(training: subprocess.Popen[bytes]) -> None:
    """Kill a training with every process that it has started, at once, as a machine that goes off would."""
    try:
        tree = [*psutil.Process(training.pid).children(recursive=True), psutil.Process(training.pid)]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        try:
            process.suspend()  # so that none of them sees the others die
        except psutil.NoSuchProcess:
            continue
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(tree, 60)
    training.wait()


def _settings(folder: Path, reward: str) -> list[str]:
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    return [
        "trainer.v1.trainer_mode=heldout_sync",
        "+trainer.heldout.where=run",
        "trainer.validation_data_dir=validation",
        "trainer.default_local_dir=saved",
        "trainer.logger=[console,file]",
        "trainer.device=cpu",
        "trainer.nnodes=1",
        "trainer.n_gpus_per_node=1",
        "trainer.total_epochs=100",
        "trainer.test_freq=1",
        "trainer.save_freq=2",
        f"data.train_files={folder}/train.parquet",
        f"data.val_files={folder}/held-out.parquet",
        f"data.train_batch_size={TRAINED_ON}",
        "data.max_prompt_length=8",
        f"data.max_response_length={LONGEST}",
        "data.dataloader_num_workers=0",
        "data.seed=0",
        f"actor_rollout_ref.model.path={folder}/model",
        "actor_rollout_ref.model.use_remove_padding=False",
        "actor_rollout_ref.model.enable_gradient_checkpointing=False",
        "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
        f"{actor}.strategy=fsdp2",
        f"{actor}.fsdp_config.dtype=float32",
        f"{actor}.use_torch_compile=False",
        f"{actor}.use_dynamic_bsz=False",
        f"{actor}.use_kl_loss=False",
        f"{actor}.optim.lr=0.03",
        f"{actor}.ppo_mini_batch_size={TRAINED_ON}",
        f"{actor}.ppo_micro_batch_size_per_gpu={TRAINED_ON * ANSWERS}",
        f"{rollout}.name=transformers",
        f"{rollout}.n={ANSWERS}",
        f"{rollout}.tensor_model_parallel_size=1",
        f"{rollout}.log_prob_micro_batch_size_per_gpu={TRAINED_ON * ANSWERS}",
        f"{rollout}.agent.num_workers=1",
        f"{rollout}.val_kwargs.do_sample=True",
        f"{rollout}.val_kwargs.temperature=1.0",
        "algorithm.adv_estimator=grpo",
        f"reward.custom_reward_function.path={HERE}/scores.py",
        f"reward.custom_reward_function.name={reward}",
        "reward.num_workers=1",
        # eight of them, as by default, wait without a word for eight more of Ray's processors
        "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
        "ray_kwargs.ray_init.num_cpus=16",
        "+ray_kwargs.ray_init.num_gpus=1",
        "+ray_kwargs.ray_init.include_dashboard=False",
        "+ray_kwargs.ray_init.object_store_memory=200000000",
    ]
