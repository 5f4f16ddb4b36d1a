"""How gradients move the weights: AdamW with a slow backbone and averaged weights, and its learning rate."""

import keras
import numpy as np
import tensorflow as tf

from src.model import unet as networks
from src.settings import Recipe

WARM_UP = 0.05  # share of the steps
AVERAGED = 9  # one in so many of the steps so far count in the averaged weights


class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW by which the backbone learns more slowly than the rest, and which averages the last weights.

    The average reaches farther back the longer the training lasts (over about its last ninth), where Keras'
    own reaches back a fixed number of steps. Source: Shamir & Zhang 2013 (polynomial-decay averaging).

    Args:
        backbone_rate: its learning rate, as a share of the others'.
    """

    def __init__(self, backbone_rate: float, **kwargs: object):
        super().__init__(use_ema=True, **kwargs)
        self.backbone_rate = backbone_rate

    def build(self, variables: list[keras.Variable]) -> None:
        """Makes the moments of the variables, and notes which of them are the backbone's."""
        super().build(variables)
        self.shares = [self.backbone_rate if networks.is_of_backbone(one) else 1.0 for one in variables]

    def apply(self, grads: list[tf.Tensor], trainable_variables: list[keras.Variable]) -> None:
        """Moves the variables by their gradients, each clipped by its own norm, and then their averages.

        What Keras' own does, in far fewer operations: a training's first step, which builds the graph, took
        4.8 s on two cores in place of 11.4.
        """
        if not self.built:
            self.build(trainable_variables)
        done = tf.cast(self.iterations.value, tf.float32)
        rate = tf.cast(self.learning_rate, tf.float32)
        rates = {share: share * rate for share in set(self.shares)}
        powers = {f"beta{i}_power": beta ** (done + 1) for i, beta in ((1, self.beta_1), (2, self.beta_2))}
        how = powers | {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
        norms = tf.sqrt(2 * tf.stack([tf.nn.l2_loss(one) for one in grads]))
        factors = tf.unstack(self.clipnorm / tf.maximum(norms, self.clipnorm))
        decay, new = self.weight_decay * rate, AVERAGED / (AVERAGED + done)  # new is 1 at the first step
        for gradient, factor, variable in zip(grads, factors, trainable_variables, strict=True):
            at, weight = self._get_variable_index(variable), variable.value
            if self._use_weight_decay(variable):
                weight.assign_sub(decay * weight)
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=self._momentums[at].value.handle,
                v=self._velocities[at].value.handle,
                lr=rates[self.shares[at]],
                grad=factor * gradient,
                **how,
            )
            average = self._model_variables_moving_average[at].value
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=new, delta=average - weight)
        self.iterations.assign_add(1)


def make_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Makes the optimizer; what training returns are the averaged weights."""
    optimizer = AveragingAdamW(recipe.backbone_rate, weight_decay=1e-2, clipnorm=5.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def schedule_rate(step: int, steps: int, peak: float, last: float) -> float:
    """Learning rate of a step: linear warm-up to `peak`, then a half cosine down to `last`.

    Source: Loshchilov & Hutter 2017, and Izmailov et al. 2018 for not going down to nothing where weights are
    averaged.
    """
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    share = 0.5 * (1 + float(np.cos(np.pi * (step - warm) / max(1, steps - warm))))
    return last + (peak - last) * share
