"""The catalogue: every claim, foundations first, by id."""

from theory import assumptions, class_fraction, clt, depth, gaussian, layer_statistics, minibatch, placements
from theory.claim import Claim

MODULES = (assumptions, gaussian, class_fraction, minibatch, clt, layer_statistics, depth, placements)

CLAIMS: dict[str, Claim] = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
