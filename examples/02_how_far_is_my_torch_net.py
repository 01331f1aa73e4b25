"""How far is a network trained with torch from the global optimum of its own objective?

The gap of any network, from any trainer, can be certified. Here: Adam, 1500 steps, widths 2 to 64, weight decay on all
parameters. The objective is ``1/2 Σ (f(x_i) - y_i)² + beta/2 ||all weights and biases||²``.
"""

import torch

import relucvx as rx

data = rx.datasets.load("diabetes", components=3)
X, y = torch.tensor(data.X), torch.tensor(data.Y)[:, None]
beta = 0.1 * rx.beta_max(data.X, data.Y, bias="all")[1]


def train(width: int, seed: int) -> torch.nn.Sequential:
    """Full-batch Adam on exactly the objective that is certified."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)).double()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(1500):
        optimizer.zero_grad()
        decay = sum((p**2).sum() for p in net.parameters())
        objective = 0.5 * ((net(X) - y) ** 2).sum() + 0.5 * beta * decay
        objective.backward()
        optimizer.step()
    return net


best = rx.solve(data.X, data.Y, beta, bias="all", tol=1e-5)
print(f"certified optimum {best.certificate.lower:.6f} <= p* <= {best.objective:.6f}, width {best.network.width}\n")
print("width  objective   at most this share of it is avoidable, as proven from")
print("                   the network alone   and with the optimum's dual point")
for width in (2, 8, 64):
    net = train(width, seed=0)
    alone = rx.certify(net, data.X, data.Y, beta, bias="all", tol=1e-3, time_limit=5.0)
    informed = rx.certify(net, data.X, data.Y, beta, bias="all", dual=best.dual, tol=1e-3, time_limit=5.0)
    print(f"{width:5d}  {alone.upper:9.4f}   {alone.rel_gap:17.3%}   {informed.rel_gap:13.3%}")
    assert alone.upper >= best.certificate.lower
