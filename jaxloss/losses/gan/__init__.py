"""Adversarial losses on logits, and penalties on the gradient of the critic.

What all of them share:

* `real` and `fake` are what the network returns for real and for generated images, logits before any sigmoid, high =
  real: floating, any shape, the same for both, since nothing is broadcast. The penalties take the images themselves.
* Results have one number per logit, or per image: the caller takes the mean. They are float32, or float64 where the
  arguments are. Published factors are applied where the loss is used: 1 (StyleGAN2, MAT, CoordFill), 1/2 (CTN,
  T-former). pix2pixHD's 1/2 before terms without one is `least_squares` as it is here.
* Gradients are finite for all logits: nothing is clamped. They reach both arguments: differentiate with respect to the
  parameters of the player whose step it is.
* `ValueError` if shapes differ or a name is unknown, `TypeError` for integers; both when the function is traced.
* All agree with torch's `BCEWithLogitsLoss`, `MSELoss` and `torch.autograd.grad(..., create_graph=True)`: 1e-5.
"""

from ._losses import GANLoss as GANLoss
from ._penalties import Critic as Critic
