"""Reading claims and evidence: the command line, LaTeX reports and figures. Computes nothing."""
