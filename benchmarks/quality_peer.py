"""The same task in segmentation_models.pytorch: `quality_peer.py TASK FACTOR`.

TASK is what `quality_ours.py` wrote; FACTOR multiplies its learning rates. Same frames, augmentation, batch
size, schedule, optimizer, averaging and losses; the U-Net as the library ships it, with the same ImageNet
weights, whose logits must equal ours first. The last line is as `quality_ours.py`'s.
"""

import copy
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import timm
import torch
from peer_smp import build
from torch.nn import functional

from src.data.classes import IGNORE, NO_LABEL
from src.settings import Recipe
from src.training import augment


def load_backbone(task: dict) -> dict[str, torch.Tensor]:
    """Names the file's tensors as timm does, which lists them in the same order, and checks the logits."""
    ours = torch.load(str(task["weights"]), weights_only=True)
    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    ours = [tensor for name, tensor in ours.items() if "num_batches_tracked" not in name]
    theirs = [name for name in whole.state_dict() if "num_batches_tracked" not in name]
    named = dict(zip(theirs, ours, strict=True))
    whole.load_state_dict(named, strict=False)
    with torch.inference_mode():
        logits = whole(torch.from_numpy(task["picture"]).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(logits, task["logits"], atol=1e-3)
    return named


def draw_batches(task: dict, crop: tuple[int, int]) -> Iterator[tuple[torch.Tensor, ...]]:
    """Augments the rows that ours takes, step by step, the next batch while a step is made."""
    rng, recipe = np.random.default_rng(int(task["seed"])), Recipe()

    def make(rows: np.ndarray) -> tuple[torch.Tensor, ...]:
        pairs = [augment.augment(task["images"][i], task["masks"][i], crop, rng, recipe) for i in rows]
        image = torch.from_numpy(np.stack([pair[0] for pair in pairs])).permute(0, 3, 1, 2)
        mask = torch.from_numpy(np.stack([pair[1] for pair in pairs])).long()
        return (image.float() - 127) / 128, mask, torch.from_numpy(task["labels"][rows]).long()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, task["rows"][0])
        for rows in task["rows"][1:]:
            coming = pool.submit(make, rows)
            yield waiting.result()
            waiting = coming
        yield waiting.result()


def count_loss(said: tuple, mask: torch.Tensor, label: torch.Tensor, task: dict) -> torch.Tensor:
    """Adds up the losses of src/training/losses.py: balanced cross-entropy, soft Dice, smoothed label."""
    logits, place = said
    weights = torch.from_numpy(task["class_weights"])
    entropy = functional.cross_entropy(logits, mask, weights, ignore_index=IGNORE)
    counted = (mask != IGNORE)[:, None]
    truth = functional.one_hot(mask.where(counted[:, 0], 0), logits.shape[1]).permute(0, 3, 1, 2) * counted
    p = logits.softmax(1) * counted
    overlap, total = (truth * p).sum((0, 2, 3)), (truth + p).sum((0, 2, 3))
    dice = (1 - (2 * overlap + 1) / (total + 1))[truth.sum((0, 2, 3)) > 0].mean()
    named = functional.cross_entropy(
        place, label, ignore_index=NO_LABEL, label_smoothing=0.1, reduction="sum"
    ) / max(1, int((label != NO_LABEL).sum()))
    return entropy + dice + float(task["label_weight"]) * named


def score(network: torch.nn.Module, task: dict, classes: int) -> float:
    """Mean IoU on the test frames at the network's size."""
    confusion = np.zeros(classes * classes, np.int64)
    for image, mask in zip(task["test_images"], task["test_masks"], strict=True):
        with torch.inference_mode():
            seen = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127) / 128
            found = network(seen.to(memory_format=torch.channels_last))[0][0].argmax(0).numpy()
        known = mask != IGNORE
        confusion += np.bincount(mask[known].astype(int) * classes + found[known], minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    held = confusion.sum(1) > 0
    return float((np.diag(confusion)[held] / union[held]).mean())


def main() -> None:
    """Trains, and prints the curve."""
    with np.load(sys.argv[1]) as stored:
        task = {name: stored[name] for name in stored.files}
    classes, labels, checks = map(int, task["sizes"])
    torch.manual_seed(int(task["seed"]))
    network = build("shipped", classes, labels)
    missing = network.encoder.model.load_state_dict(load_backbone(task), strict=False).missing_keys
    assert not [name for name in missing if "num_batches_tracked" not in name], missing
    average = copy.deepcopy(network)
    groups: dict[tuple, list] = {}
    for name, parameter in network.named_parameters():
        share = float(task["backbone_rate"]) if name.startswith("encoder.") else 1.0
        groups.setdefault((share, parameter.ndim > 1), []).append(parameter)
    parts = [
        # ours decays all weights by the full rate
        {"params": some, "share": share, "weight_decay": 1e-2 / share if decays else 0.0}
        for (share, decays), some in groups.items()
    ]
    optimizer = torch.optim.AdamW(parts, fused=True)
    stream, minutes, miou, spent = draw_batches(task, tuple(task["crop"])), [], [], 0.0
    for step, rate in enumerate(float(sys.argv[2]) * task["rates"], start=1):
        begin = time.perf_counter()
        network.train()
        image, mask, label = next(stream)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        optimizer.zero_grad()
        count_loss(network(image.to(memory_format=torch.channels_last)), mask, label, task).backward()
        for parameter in network.parameters():
            torch.nn.utils.clip_grad_norm_(parameter, 5.0)
        optimizer.step()
        with torch.no_grad():
            new = float(task["averaged"] / (task["averaged"] + step - 1))
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), new)
        spent += (time.perf_counter() - begin) / 60
        if step % (len(task["rates"]) // checks) == 0:
            for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
                ours.copy_(theirs)
            minutes.append(spent)
            miou.append(score(average.eval(), task, classes))
    print(json.dumps({"minutes": minutes, "miou": miou}))


if __name__ == "__main__":
    main()
