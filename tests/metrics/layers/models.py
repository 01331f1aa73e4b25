"""Models of the kinds that people have, small: ViT, GPT, BERT-like, ResNet, MobileNet-like, ConvNeXt-like, Mixer, LSTM."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


class Heads(nn.Module):
    """Self-attention as most write it: one product for all heads, which are an axis of their own."""

    def __init__(self, d, heads, causal=False):
        super().__init__()
        self.qkv, self.proj, self.heads, self.causal = nn.Linear(d, 3 * d), nn.Linear(d, d), heads, causal

    def forward(self, x, mask=None):
        B, T, C = x.shape
        q, k, v = self.qkv(x).reshape(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (C // self.heads) ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf)
        if mask is not None:
            scores = scores.masked_fill(mask[:, None, None] == 0, -torch.inf)
        mixed = scores.softmax(-1) @ v
        return self.proj(mixed.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, d, heads, causal=False):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(d), Heads(d, heads, causal), nn.LayerNorm(d)
        self.up, self.act, self.down = nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)

    def forward(self, x, mask=None):
        x = x + self.attn(self.norm1(x), mask)
        return x + self.down(self.act(self.up(self.norm2(x))))


class ViT(nn.Module):
    """Patches by a convolution, a class token, position embeddings; the head reads the class token."""

    def __init__(self, d=12, heads=3, depth=2, patch=4, size=8, channels=3, classes=4):
        super().__init__()
        self.patch = nn.Conv2d(channels, d, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, d))
        self.pos = nn.Parameter(torch.randn(1, 1 + (size // patch) ** 2, d))
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, classes)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class GPT(nn.Module):
    """Returns scores of the next word at every token."""

    def __init__(self, d=12, heads=3, depth=2, words=11, length=9):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, d), nn.Embedding(length, d)
        self.blocks = nn.ModuleList(Block(d, heads, causal=True) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, words, bias=False)

    def forward(self, words):
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class ModelOutput(dict):
    """Entries that are attributes too; what is None is left out, as in the transformers library."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


@dataclass
class Answer:
    """An output as a data class."""

    hidden: torch.Tensor
    scores: torch.Tensor


class Bert(nn.Module):
    """Takes a dict of words and their mask, and returns a dict whose scores are not its first entry."""

    def __init__(self, d=12, heads=3, classes=4, kind="dict"):
        super().__init__()
        self.words, self.block, self.norm = nn.Embedding(11, d), Block(d, heads), nn.LayerNorm(d)
        self.classifier, self.kind = nn.Linear(d, classes), kind

    def forward(self, input_ids, attention_mask=None, return_dict=True):
        x = self.norm(self.block(self.words(input_ids), attention_mask))
        scores = self.classifier(x[:, 0])
        if self.kind == "dict":
            return ModelOutput(last_hidden_state=x, logits=scores)
        return Answer(scores, x) if self.kind == "class" else (scores, (x, None))


class Recurrent(nn.Module):
    """Returns the states of all steps and the last ones."""

    def __init__(self, batch_first=True):
        super().__init__()
        self.lstm, self.relu, self.head = nn.LSTM(5, 6, batch_first=batch_first), nn.ReLU(), nn.Linear(6, 3)
        self.batch_first = batch_first

    def forward(self, x):
        out, (state, cell) = self.lstm(x if self.batch_first else x.transpose(0, 1))
        return self.head(self.relu(state[-1])), (out, cell)


class Basic(nn.Module):
    """A basic block of a ResNet."""

    def __init__(self, a, b, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Identity()
        if stride > 1 or a != b:
            self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + self.down(x))


class ResNet(nn.Module):
    """ResNet-18 for small images, ``width`` channels in its first layer."""

    def __init__(self, width=64, classes=10, blocks=(2, 2, 2, 2)):
        super().__init__()
        self.conv1, self.bn1, self.relu = (
            nn.Conv2d(3, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        layers, a = [], width
        for stage, count in enumerate(blocks):
            for k in range(count):
                b = width * 2**stage
                layers.append(Basic(a, b, 2 if stage > 0 and k == 0 else 1))
                a = b
        self.layers = nn.Sequential(*layers)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(a, classes)

    def forward(self, x):
        x = self.layers(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.pool(x), 1))


class Last(nn.Module):
    """A stage of a ConvNeXt: channels in front for the convolution, behind for all else."""

    def __init__(self, d=6):
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, d, 2, 2), nn.Conv2d(d, d, 3, 1, 1, groups=d)
        self.norm, self.up, self.down, self.head = (
            nn.LayerNorm(d),
            nn.Linear(d, 2 * d),
            nn.Linear(2 * d, d),
            nn.Linear(d, 3),
        )

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.deep(x).permute(0, 2, 3, 1))
        y = self.down(F.gelu(self.up(y))).permute(0, 3, 1, 2)
        return self.head((x + y).mean((2, 3)))


class Mixer(nn.Module):
    """Linear layers over tokens and over features in turn."""

    def __init__(self, d=7, tokens=7):
        super().__init__()
        self.patch = nn.Linear(12, d)
        self.over_tokens = nn.Sequential(nn.Linear(tokens, 5), nn.GELU(), nn.Linear(5, tokens))
        self.over_features = nn.Sequential(nn.Linear(d, 6), nn.GELU(), nn.Linear(6, d))
        self.norm1, self.norm2, self.head = nn.LayerNorm(d), nn.LayerNorm(d), nn.Linear(d, 3)

    def forward(self, x):
        x = self.patch(x)
        x = x + self.over_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.over_features(self.norm2(x))
        return self.head(x.mean(1))


class Signal(nn.Module):
    """Convolutions over time."""

    def __init__(self):
        super().__init__()
        self.conv, self.conv2, self.head = nn.Conv1d(2, 4, 3), nn.Conv1d(4, 5, 3), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(F.relu(self.conv2(F.relu(self.conv(x)))).mean(-1))
