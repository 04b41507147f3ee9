"""A decoder sharded over processes by FSDP2, with sharded checkpoints: losses as those of one.

    python -m torch.distributed.run --nproc-per-node=1 benchmarks/fsdp.py --steps 8 --save DIR
    python -m torch.distributed.run --nproc-per-node=2 benchmarks/fsdp.py --steps 8 --load DIR

Each block of the recipe's decoder is sharded (`fully_shard`, Zhao et al. 2023), trained by AdamW
on the corpus's own batches without dropout, and saved by `torch.distributed.checkpoint` as
safetensors: every process writes its part, and any number of processes can read them. Prints the
loss of each step, and the bytes of parameters, gradients and optimiser that one process holds.
Gloo on CPUs, NCCL on GPUs.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_parts
from torch.distributed.checkpoint.state_dict_saver import save as save_parts
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from litteragpt.architectures import ARCHITECTURES
from litteragpt.corpora.shards import Shards, has_shards
from litteragpt.precision import autocast_for, pick_device
from litteragpt.recipe import load_recipe
from litteragpt.tokenizers import load_tokenizer, normalize
from litteragpt.training.batches import HeldTokens, MappedTokens, Windows
from litteragpt.training.distributed import join_processes

RECIPE = Path(__file__).parents[1] / "models" / "litteragpt-es.toml"


def held_bytes(model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """What this process holds of parameters, gradients and the optimiser's state."""
    tensors = [each for p in model.parameters() for each in (p, p.grad)]
    tensors += [value for state in optimizer.state.values() for value in state.values()]
    total = 0
    for tensor in tensors:
        if isinstance(tensor, torch.Tensor):
            local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
            total += local.numel() * local.element_size()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--override", action="append", default=[])
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--load", type=Path)
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe, arguments.override)
    config = recipe.training
    device = pick_device(arguments.device)
    corpus = arguments.corpus or Path("data") / recipe.corpus_name
    with join_processes(device.type, even_alone=True) as processes:
        if device.type == "cuda":
            device = torch.device("cuda", processes.local_rank)
            torch.cuda.set_device(device)
        tokenizer = load_tokenizer(corpus / "tokenizer.json")
        if has_shards(corpus):
            windows = Windows(MappedTokens(Shards(corpus), device), config)
        else:
            text = normalize((corpus / "train.txt").read_text("utf-8"))
            windows = Windows(HeldTokens(tokenizer.encode_array(text)[0], device), config)
        torch.manual_seed(config.seed)
        # Masks of dropout would be other ones on another number of processes.
        shape = dataclasses.replace(recipe.model_config(tokenizer.vocab_size), dropout=0.0)
        model = ARCHITECTURES[recipe.architecture].build(shape)
        model.initialise()
        model.to(device)
        mesh = init_device_mesh(device.type, (processes.count,))
        for block in model.get_submodule("blocks").children():
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        optimizer = torch.optim.AdamW(model.parameters(), config.adam_lr, weight_decay=0.1)
        autocast = autocast_for(device, config.precision)
        first = 0
        if arguments.load:
            first = load(arguments.load, model, optimizer)
        for step in range(first, first + arguments.steps):
            batch = windows.batch(step, processes.rank, processes.count)
            with autocast():
                loss, _ = model(batch.inputs_BT)
                loss = nn.functional.cross_entropy(
                    loss.float().flatten(0, 1), batch.targets_BT.flatten()
                )
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            held = held_bytes(model, optimizer)
            optimizer.zero_grad()
            mean = loss.detach().clone()
            processes.average([mean])
            if processes.leads:
                print(f"step {step}: {mean.item():.5f}, {held:,} bytes a process", flush=True)
        if arguments.save:
            parts = parts_of(model, optimizer) | {"step": torch.tensor(first + arguments.steps)}
            save_parts(
                parts,
                storage_writer=HuggingFaceStorageWriter(str(arguments.save), save_distributed=True),
            )


def parts_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The parameters and the optimiser's tensors by name; this process has a part of each."""
    parts: dict[str, Any] = {}
    for name, parameter in model.named_parameters():
        parts[f"model/{name}"] = parameter
        for field in ("exp_avg", "exp_avg_sq"):
            parts[f"optimizer/{name}/{field}"] = optimizer.state[parameter][field]
    return parts


def load(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW) -> int:
    """Take up what any number of processes saved; the steps it has behind it."""
    for parameter in model.parameters():
        optimizer.state[parameter] = {
            "step": torch.tensor(0.0),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    step = torch.tensor(0)
    with torch.no_grad():
        load_parts(
            parts_of(model, optimizer) | {"step": step},
            storage_reader=HuggingFaceStorageReader(str(folder)),
        )
    for parameter in model.parameters():
        optimizer.state[parameter]["step"].fill_(step)
    return int(step)


if __name__ == "__main__":
    main()
