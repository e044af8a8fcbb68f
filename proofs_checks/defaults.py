"""What an audit is run with where nothing else is said."""

ALPHA = 1e-6  #: probability that the whole audit of true claims shows any statistical failure
RESOLUTION = 0.01  #: relative deviation of γ that every observed claim can see
SEED = 250511312  #: the paper's arXiv number
