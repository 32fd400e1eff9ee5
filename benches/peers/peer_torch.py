"""PyTorch's own layers on one workload, all cores:   python peer_torch.py MODEL.keras"""
import os
import pathlib
import sys
import time

start = time.perf_counter()
import timing
import torch
import workloads
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(os.cpu_count())
name = pathlib.Path(sys.argv[1]).stem
batch, steps = workloads.SPECS[name]
steps = min(steps, 20)


class Net(nn.Module):
    def __init__(self, rnn, out, embedding=None, each_step=False):
        super().__init__()
        self.embedding = nn.Embedding(*embedding) if embedding else None
        self.rnn, self.each_step = rnn, each_step
        self.out = nn.Linear(rnn.hidden_size * (1 + rnn.bidirectional), out)

    def forward(self, x, lengths=None):
        if self.embedding is not None:
            x = self.embedding(x)
        if lengths is not None:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            h = self.rnn(x)[1][0]
            return self.out(h[-1])
        x = self.rnn(x)[0]
        return self.out(x if self.each_step else x[:, -1])


class Two(nn.Module):
    """Two layers of different width."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second
        self.hidden_size, self.bidirectional = second.hidden_size, False

    def forward(self, x):
        return self.second(self.first(x)[0])


def lstm(*sizes, **options):
    return nn.LSTM(*sizes, batch_first=True, **options)


classes, numbers = nn.CrossEntropyLoss(), nn.MSELoss()
NETS = {
    "seed": lambda: (Net(Two(lstm(1, 5), lstm(5, 4)), 1), nn.BCEWithLogitsLoss(), torch.optim.RMSprop),
    "rows": lambda: (Net(lstm(28, 128), 10), classes, torch.optim.Adam),
    "text": lambda: (Net(lstm(128, 128), 1, embedding=(20000, 128)), nn.BCEWithLogitsLoss(), torch.optim.Adam),
    "big": lambda: (Net(lstm(64, 512, num_layers=2), 1), numbers, torch.optim.Adam),
    "gru": lambda: (Net(nn.GRU(32, 96, num_layers=2, batch_first=True), 5), classes, torch.optim.Adam),
    "bidir": lambda: (Net(lstm(40, 64, num_layers=2, bidirectional=True), 20, each_step=True), classes, torch.optim.Adam),
    "ragged": lambda: (Net(lstm(16, 128), 9), classes, torch.optim.Adam),
    "one": lambda: (Net(lstm(16, 64), 1), numbers, torch.optim.Adam),
    "wide": lambda: (Net(lstm(64, 256), 1), numbers, torch.optim.Adam),
}
net, loss, optimizer = NETS[name]()
optimizer = optimizer(net.parameters(), lr=1e-3)
x, y = workloads.data(name, batch * steps)
y = torch.as_tensor(y)
if y.dtype == torch.int64 and name != "bidir":
    y = y[:, 0]
lengths = None
if name == "ragged":
    lengths = torch.as_tensor([len(s) for s in x])
    x = nn.utils.rnn.pad_sequence([torch.as_tensor(s) for s in x], batch_first=True)
x = torch.as_tensor(x)


def run(rows):
    if lengths is None:
        return net(x[rows])
    n = lengths[rows]
    return net(x[rows, :int(n.max())], n)


def step(rows):
    optimizer.zero_grad()
    p, target = run(rows), y[rows]
    if name == "bidir":
        p, target = p.flatten(0, 1), target.flatten()
    loss(p, target).backward()
    optimizer.step()


batches = [slice(k * batch, (k + 1) * batch) for k in range(steps)]
figures = {}
if name not in ("one", "wide"):
    for b in batches:
        step(b)
    first_s = time.perf_counter() - start
    figures = {"first_s": first_s, "train_ms": timing.median_ms(step, batches, 3)}
net.eval()
with torch.inference_mode():
    figures["predict_ms"] = timing.median_ms(run, batches, 3 if name != "one" else 20)
timing.report(**figures)
