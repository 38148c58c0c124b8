#!/bin/bash
# The server that deploy/vllm/server.toml samples from: deploy/vllm/serve.sh MODEL [flags of vllm serve]
#
# The training sends it new weights after each step, over NCCL, which a server takes only in its development mode.
# Whoever reaches that port can change the weights, so it listens to this machine alone; across machines, use a network of
# their own.
set -eu
model=$1
shift
export VLLM_SERVER_DEV_MODE=1 CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-0}
exec vllm serve "$model" --host 127.0.0.1 --port 8000 --weight-transfer-config '{"backend":"nccl"}' "$@"
