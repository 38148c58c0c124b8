#!/bin/bash
# What only a GPU can show: scripts/gpu_check.sh FOLDER
#
# Trains in miniature, a few minutes in all, downloads nothing, and prints one table. A row is ok, failed or skipped; a
# skipped one says why. Logs and runs stay in FOLDER. Without a GPU it does what a CPU can, and skips the rest.
# The exit code is 1 where a row failed. PYTHON names the interpreter.
set -u
[ $# = 1 ] || { echo "usage: scripts/gpu_check.sh FOLDER" >&2; exit 2; }
mkdir -p "$1" && cd "$1" || exit 2
python=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 XDG_CACHE_HOME=$PWD/cache
table=$PWD/table.tsv
: > "$table"

row() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >> "$table"; echo "$1: $2${3:+, $3}" >&2; }

# piece NAME SECONDS COMMAND…: run it with its output in a log; its last line becomes the row's detail
piece() {
  local name=$1 limit=$2 began=$SECONDS
  shift 2
  timeout -k 10 "$limit" "$@" > "$name.log" 2>&1
  local code=$? last
  last=$(grep -v '^ *$' "$name.log" | tail -n 1 | cut -c 1-160)
  if [ $code = 0 ]; then row "$name" ok "$((SECONDS - began)) s; $last"
  elif [ $code = 124 ]; then row "$name" failed "over $limit s; see $name.log"
  else row "$name" failed "code $code; $last"; fi
  return $code
}

ask() { "$python" - "$@"; }

read -r gpus bytes kind < <(ask <<'PY'
import torch

count = torch.cuda.device_count()
print(count, torch.cuda.get_device_properties(0).total_memory if count else 0, torch.cuda.get_device_name(0) if count else "none")
PY
)
: "${gpus:=0}" "${kind:=none}" "${bytes:=0}"

versions=$(ask <<'PY'
from importlib.metadata import PackageNotFoundError, version


def of(name):
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} -"


print(", ".join(of(name) for name in ("heldout", "torch", "transformers", "trl", "accelerate", "vllm", "deepspeed")))
PY
) || { echo "PYTHON=$python does not run" >&2; exit 2; }

small=(--warm-steps 300 --trick= --reward fraction --evaluate-every 10 --evaluate-problems 64 --save-every 10 --threads 1)
[ "$gpus" = 0 ] && small+=(--steps 4 --prompts 2 --evaluate-every 2 --save-every 2) || small+=(--steps 20)
train() { local name=$1 limit=$2; shift 2; piece "$name" "$limit" "$python" -m heldout train "$@" -o "run-$name"; }

# equal NAME RUN RUN [STEP]: are all outcomes of two runs' held-out problems the same; up to a step
equal() {
  piece "$1" 60 "$python" - "$2" "$3" "${4:-}" <<'PY'
import sys

import heldout


def outcomes(run):
    last = int(sys.argv[3] or 10**9)
    return {
        (one.step, problem): int(passed)
        for one in heldout.read(run).measured
        if one.outcomes is not None and one.step <= last
        for problem, passed in zip(one.outcomes.problems, one.outcomes.passed, strict=True)
    }


first, second = outcomes(sys.argv[1]), outcomes(sys.argv[2])
differ = sum(first[key] != second.get(key) for key in first)
print(f"{differ} of {len(first)} outcomes differ, {sum(first.values())} passed")
sys.exit(first.keys() != second.keys())
PY
}

# 1 and 2: the embedded recipe, resumed, and the same seed twice
train float32 240 "${small[@]}" # makes the starting policy as well, which the others find
train "same seed" 150 "${small[@]}"
equal "same seed, outcomes" run-float32 "run-same seed"
touch asking
( until [ -e run-stopped/metrics.jsonl ] || [ ! -e asking ]; do sleep 0.1; done; [ ! -d run-stopped ] || touch run-stopped/stop ) &
train stopped 150 "${small[@]}"
rm asking
if [ -d run-stopped/policy ]; then row resumed skipped "it was over before it was stopped"
else piece resumed 150 "$python" -m heldout train --resume -o run-stopped && equal "resumed, outcomes" run-float32 run-stopped; fi
if [ "$gpus" = 0 ]; then row bfloat16 skipped "no GPU: mixed precision is for one"
else train bfloat16 150 "${small[@]}" --precision bfloat16; fi

# 4: two processes on one device (hence the same LOCAL_RANK), with gloo; the starting policy measured by one and by two
two() {
  local rank codes=0 pids=()
  for rank in 0 1; do
    RANK=$rank WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29655 \
      timeout -k 10 150 "$python" -m heldout train "${small[@]}" --trl ddp_backend=gloo -o "run-two processes" &
    pids+=($!)
  done
  for rank in "${pids[@]}"; do wait "$rank" || codes=1; done
  return $codes
}
began=$SECONDS
if two > "two processes.log" 2>&1; then
  row "two processes" ok "$((SECONDS - began)) s"
  equal "two processes, outcomes before the first step" run-float32 "run-two processes" 0
else row "two processes" failed "see two processes.log"; fi

# 3 and 5: half a billion parameters, made from a configuration
big=(--model "$PWD/half-billion" --prompts 8 --samples 8 --micro-batch 8 --max-tokens 256 --steps 10 --precision bfloat16)
big+=(--evaluate-every 5 --evaluate-problems 64 --save-every 10 --learning-rate 1e-6)
if [ "$gpus" = 0 ]; then
  for name in "half a billion" "vLLM colocated" "vLLM server" "FSDP 2"; do row "$name" skipped "no GPU: it would take hours"; done
else
  piece "a model of half a billion" 120 "$python" - "$PWD/half-billion" <<'PY'
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

made = next(Path("cache").rglob("warm-start-*/config.json")).parent
tokenizer = AutoTokenizer.from_pretrained(made)
sizes = {"hidden_size": 1024, "intermediate_size": 5504, "num_hidden_layers": 24, "num_attention_heads": 16}
ends = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=1024, **sizes, **ends))
model.save_pretrained(sys.argv[1])
tokenizer.save_pretrained(sys.argv[1])
print(f"{model.num_parameters() / 1e6:.0f} million parameters")
PY
  timed() { # NAME RUN: what a step takes, and what beside the steps
    piece "$1, times" 60 "$python" - "$2" <<'PY'
import json
import sys

rows = [json.loads(line) for line in open(f"{sys.argv[1]}/metrics.jsonl")]
steps = [row["step_time"] for row in rows[1:]]
whole = rows[-1]["time"] - rows[0]["time"]
print(f"{sum(steps) / len(steps):.2f} s a step; evaluation, record and checkpoints {1 - sum(steps) / whole:.1%} of the time")
PY
  }
  ( while sleep 0.5; do nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits; done > memory.log 2> /dev/null ) &
  watching=$!
  train "half a billion" 150 "${big[@]}" && timed "half a billion" "run-half a billion"
  kill $watching
  row "half a billion, memory" ok "at most $(sort -n memory.log | tail -n 1) MiB of $((bytes / 1048576)), all processes of the device"
  if ! "$python" -c 'import vllm' 2> /dev/null; then
    row "vLLM colocated" skipped "vLLM is not installed: pip install -c constraints-vllm.txt '.[vllm]'"
    row "vLLM server" skipped "vLLM is not installed"
  else
    train "vLLM colocated" 240 "${big[@]}" --vllm colocate --vllm-memory 0.4 && timed "vLLM colocated" "run-vLLM colocated"
    if [ "$gpus" -lt 2 ]; then row "vLLM server" skipped "one GPU: the server wants another"
    else
      CUDA_VISIBLE_DEVICES=1 VLLM_SERVER_DEV_MODE=1 "$python" -m vllm.entrypoints.cli.main serve "$PWD/half-billion" --host 127.0.0.1 \
        --port 8017 --weight-transfer-config '{"backend":"nccl"}' > server.log 2>&1 &
      server=$!
      for _ in $(seq 120); do "$python" -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:8017/health")' 2> /dev/null && break; sleep 1; done
      CUDA_VISIBLE_DEVICES=0 train "vLLM server" 180 "${big[@]}" --vllm server --vllm-server http://127.0.0.1:8017
      kill $server
    fi
  fi
  if [ "$gpus" -lt 2 ]; then row "FSDP 2" skipped "one GPU: it shares weights between two"
  else
    for problems in 128 1; do # one problem: a process that has none must take part
      piece "FSDP 2, $problems held-out" 180 "$python" -m accelerate.commands.launch --use_fsdp --fsdp_version 2 --num_processes 2 \
        -m heldout train "${big[@]}" --evaluate-problems "$problems" -o "run-FSDP of $problems"
    done
  fi
fi

echo
echo "$kind, $gpus of them; $versions"
column -t -s $'\t' "$table" 2> /dev/null || cat "$table"
! grep -q $'\tfailed\t' "$table"
