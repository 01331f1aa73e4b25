"""What the words of this package mean: one line each, with the formula and the page that says more.

Reports show these lines beside their numbers, and the docs list them.
"""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """A line of the glossary: ``formula`` in LaTeX, ``page`` in the docs; "" where there is none."""

    meaning: str
    formula: str
    page: str


GLOSSARY: dict[str, Term] = {
    "p*": Term(
        "The least objective that any network of this kind has, of any width. It is known between bounds.",
        r"p^\star = \min_{m, W} \mathrm{loss}(\varphi(XW_{in}^\top)W_{out}) + \tfrac{\beta}{2}(\|W_{in}\|^2 + \|W_{out}\|^2)",
        "guide/certificates",
    ),
    "objective": Term(
        "The loss summed over samples plus beta/2 times the squares of all weights that decay. Smaller is better.",
        r"\mathrm{loss}(F, Y) + \tfrac{\beta}{2}(\|W_{in}\|^2 + \|W_{out}\|^2)",
        "guide/conventions",
    ),
    "certified": Term(
        "Proven for every activation pattern, by a computation whose rounding is bounded, whoever found the network.",
        "",
        "guide/certificates",
    ),
    "certified floor": Term(
        "A proven lower bound on p*: no network of any width has a smaller objective.",
        r"p^\star \ge -\mathrm{loss}^*(-N)",
        "guide/certificates",
    ),
    "certified gap": Term(
        "Objective minus the certified floor, over the objective: how far a network is from the best, at most.",
        r"(\mathrm{upper} - \mathrm{lower}) / \mathrm{upper}",
        "guide/certificates",
    ),
    "reached": Term(
        "The certified gap is at most the reach that was asked for.",
        r"(\mathrm{upper} - \mathrm{lower}) / \mathrm{upper} \le \mathrm{reach}",
        "guide/first_report",
    ),
    "fit": Term(
        "Relative distance of a network's predictions on the samples from those of the solved network.",
        r"\|F - F^\star\| / \|F^\star\|",
        "guide/first_report",
    ),
    "kernel": Term(
        "K = ΦΦᵀ, the inner products of the samples' hidden activities, with every neuron scaled to ‖w‖ = "
        "‖v‖. Distances are relative Frobenius ones, and given only where all of the best networks are known "
        "to share theirs.",
        r"K = \Phi\Phi^\top,\; \Phi = \varphi(XW_{in}^\top)",
        "guide/all_optima",
    ),
    "neurons": Term(
        "Hidden neurons with ‖w‖·‖v‖ above 1e-10 of the largest.",
        "",
        "guide/uniqueness",
    ),
    "NC1": Term(
        "Scatter of the hidden activities within classes over that between classes, tr(S_W S_B⁺)/C: 0 where "
        "every class is one point.",
        r"\mathrm{tr}(S_W S_B^+)/C",
        "guide/metrics",
    ),
    "NC2": Term(
        "How far the centred class means are from a simplex, all equally long and equally far apart: 0 where "
        "they form one.",
        "",
        "guide/metrics",
    ),
    "NC3": Term(
        "Squared distance of the output weights from the class means, both scaled to norm 1: 0 where they are aligned.",
        "",
        "guide/metrics",
    ),
    "NC4": Term(
        "Share of samples for which the network and the nearest class mean agree.",
        "",
        "guide/metrics",
    ),
    "neural collapse": Term(
        "Classes become points (NC1), equally far apart (NC2), and the output weights follow (NC3).",
        "",
        "guide/metrics",
    ),
    "tr S_W/tr S_B": Term(
        "Total scatter of the hidden activities within classes over that between classes.",
        r"\mathrm{tr}\, S_W / \mathrm{tr}\, S_B",
        "guide/all_optima",
    ),
    "parallelism": Term(
        "Mean cosine between the directions that code a factor in different contexts: 1 where coding is parallel.",
        r"\cos(\mu_{a|c} - \mu_{b|c},\, \mu_{a|c'} - \mu_{b|c'})",
        "guide/metrics",
    ),
    "CCGP": Term(
        "Accuracy of a linear decoder of a factor in contexts that it was not trained in.",
        "",
        "guide/metrics",
    ),
    "abstract": Term(
        "Each factor is coded in the same direction whatever the others are: parallelism of 0.99 or more.",
        "",
        "guide/all_optima",
    ),
    "tuning": Term(
        "Mean over neurons of the largest correlation, in size, with a single factor.",
        "",
        "guide/metrics",
    ),
    "PR": Term(
        "Participation ratio (tr K)²/tr K² of the centred kernel: the effective number of dimensions.",
        r"(\mathrm{tr} K)^2 / \mathrm{tr} K^2",
        "guide/metrics",
    ),
    "gradient": Term(
        "Relative size of the gradient where the trainer stopped.",
        "",
        "guide/first_report",
    ),
    "whitened": Term(
        "X Xᵀ is the identity. The closed forms are proven under this and the other conditions named.",
        r"XX^\top = I",
        "theory",
    ),
    "singular-value shrinkage": Term(
        "Closed form of the best network on whitened inputs: the targets, their singular values less beta.",
        r"F^\star = \sum_k (\sigma_k - \beta)_+ u_k v_k^\top",
        "theory",
    ),
    "of every one": Term(
        "The best networks need not be one. An interval holds for every one of them, of any width, not for "
        "the one found alone.",
        "",
        "guide/all_optima",
    ),
    "activation pattern": Term(
        "Which samples a neuron is active on: a full-dimensional cell of the arrangement of the samples' hyperplanes.",
        r"D_i = \mathrm{diag}(1[Xg \ge 0])",
        "guide/certificates",
    ),
    "beta_max": Term(
        "The strength from which the best network is a constant; strengths are best given as a share of it.",
        "",
        "guide/choosing",
    ),
    "bias mode": Term(
        "Which layers have biases, and whether they decay: none, hidden, all, free.",
        "",
        "guide/conventions",
    ),
    "certificate": Term(
        "The bounds of p* for a network, with the patterns they hold over and the way they were proven.",
        r"\mathrm{lower} \le p^\star \le \mathrm{upper}",
        "guide/certificates",
    ),
    "dual norm": Term(
        "The largest score of any neuron of unit length; where it is at most beta, a dual point gives a bound.",
        r"D(N) = \max_{\|w\| \le 1} \|N^\top\varphi(Xw)\|",
        "guide/certificates",
    ),
    "dual point": Term(
        "A matrix N, one row per sample, from which a lower bound follows.",
        r"D(N) \le \beta \;\Rightarrow\; p^\star \ge -\mathrm{loss}^*(-N)",
        "guide/certificates",
    ),
    "folding": Term(
        "How much of the way that activation codes go along a path is taken back: 0 on a straight way.",
        r"\chi = 1 - \max_i d(\pi_i, \pi_0) / \sum_i d(\pi_i, \pi_{i+1})",
        "theory",
    ),
    "proof file": Term(
        "Whole numbers from which the bounds follow, checked with Python's standard library.",
        "",
        "guide/proofs",
    ),
    "scope": Term(
        "Over which activation patterns a dual norm was bounded: all, all by a relaxation, or those given.",
        "",
        "guide/certificates",
    ),
    "status": Term(
        "How an algorithm stopped; it proves nothing.",
        "",
        "guide/certificates",
    ),
    "strength": Term(
        "beta, for a loss that is summed over samples.",
        r"\tfrac{\beta}{2}\|W\|^2",
        "guide/conventions",
    ),
    "unique": Term(
        "Whether the fit, the neurons and the kernel of the optimum are the only ones: proven, disproven, or "
        "undecided.",
        "",
        "guide/uniqueness",
    ),
}
"""Every term and what it means, those of reports first and in the order in which they are read there."""
