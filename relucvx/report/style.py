"""How a page looks: light or dark as the reader has it, on a telephone, and on paper."""

from __future__ import annotations

from string import Template

LIGHT = {
    "paper": "#ffffff", "panel": "#f4f6f9", "ink": "#22262c", "soft": "#565d67", "line": "#dfe2e7", "link": "#1b4f8a",
    "holds": "#1b6438", "fails": "#a3261f", "partly": "#85560a", "quiet": "#8a8f98", "grid": "#e4e6ea", "wall": "#d5d8dd",
    "net": "#c3c7ce", "optimum": "#1b4f8a", "run": "#c8641e", "floor": "#8c1d40",
}  # fmt: skip
"""Colours by what they stand for. Those of words are at least 4.5 to 1 against paper and panel, those of lines that say
something 3 to 1."""

DARK = {
    "paper": "#15181d", "panel": "#1e232a", "ink": "#e4e7eb", "soft": "#a9b0ba", "line": "#343b45", "link": "#8ebdf2",
    "holds": "#79d29c", "fails": "#ff958c", "partly": "#e8bb6d", "quiet": "#868e99", "grid": "#2a3038", "wall": "#3b434e",
    "net": "#4a5360", "optimum": "#7db4f0", "run": "#f19a5b", "floor": "#ff8cac",
}  # fmt: skip

SHEET = """
$light
@media screen and (prefers-color-scheme: dark) { $dark }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color: $ink;
       background: $paper; max-width: 1120px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 74ch; }
p.sub, p.note, figcaption, caption { color: $soft; }
p.note, figcaption, caption { font-size: .9rem; }
p.lede { font-size: 1.1rem; margin: 1.1rem 0; }
p.open { border-left: 4px solid $partly; padding: .5rem .9rem; background: $panel; }
p.cut { border-left: 4px solid $fails; padding: .5rem .9rem; background: $panel; font-weight: 600; }
a { color: $link; }
a.term { color: inherit; text-decoration: underline dotted $quiet; text-underline-offset: .2em;
  text-decoration-thickness: 1px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.facts div { border: 1px solid $line; border-radius: 8px; padding: .6rem .9rem; background: $panel; }
.facts dt { color: $soft; font-size: .88rem; }
.facts dd { margin: 0; font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .6rem 0; }
.wide:focus-visible, a:focus-visible { outline: 2px solid $link; outline-offset: 2px; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; padding: 0 0 .4rem; }
caption span { display: inline-block; position: sticky; left: 0; max-width: min(74ch, calc(100vw - 2.5rem)); }
th, td { text-align: left; padding: .42rem .75rem .42rem 0; border-bottom: 1px solid $line; vertical-align: top; }
th { font-weight: 600; }
thead th { color: $soft; white-space: nowrap; vertical-align: bottom; }
table.numbers { font-size: .8rem; }
table.numbers th, table.numbers td { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
  padding: .32rem .5rem; }
table.numbers tbody tr:hover td, table.numbers tbody tr:hover th, tr.solved td, tr.solved th { background: $panel; }
table.numbers th:first-child { text-align: left; position: sticky; left: 0; background: $paper; }
table.numbers tr.solved th:first-child { background: $panel; }
table.findings th[scope=row] { min-width: 11rem; max-width: 15rem; }
table.findings td:last-child { min-width: 17rem; overflow-wrap: anywhere; }
table.neurons thead th { white-space: normal; min-width: 4.6rem; }
.word, .number { white-space: nowrap; } .word { font-weight: 600; }
.holds { color: $holds; } .fails { color: $fails; }
.partly { color: $partly; } .other { color: $soft; }
figure { margin: .8rem 0 1.6rem; }
figcaption { max-width: 74ch; margin-top: .35rem; }
.drawing { max-width: 100%; height: auto; fill: $ink; }
.drawing * { stroke-linejoin: round; stroke-linecap: butt; }
.pair { display: flex; flex-wrap: wrap; gap: 0 2rem; }
.pair figure { flex: 1 1 430px; min-width: 0; }
.pair figure.broad { flex-basis: 100%; }
pre { background: $panel; border: 1px solid $line; border-radius: 8px; padding: .7rem .9rem; overflow-x: auto;
      font: .88rem/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
dl.words { columns: 2 24rem; column-gap: 2.5rem; font-size: .92rem; }
dl.words div { break-inside: avoid; padding: 0 0 .55rem; }
dl.words dt { font-weight: 600; } dl.words dd { margin: 0; color: $soft; }
dl.words div:target { background: $panel; outline: .4rem solid $panel; }
footer { margin-top: 3rem; border-top: 1px solid $line; padding-top: .8rem; }
@media (max-width: 600px) {
  body { padding: 1.2rem 1rem 3rem; }
  h1 { font-size: 1.45rem; }
  .facts { grid-template-columns: 1fr 1fr; gap: .6rem; }
  .facts dd { font-size: 1.05rem; }
  .picture { overflow-x: auto; }
  figure.broad .drawing { max-width: none; min-width: 580px; }
  table.findings :is(caption, tbody, tr, td, th[scope=row]), table.findings { display: block; max-width: none; min-width: 0;
    border: 0; padding: 0; }
  table.findings caption { padding-bottom: .3rem; }
  table.findings thead { position: absolute; clip-path: inset(50%); }
  table.findings tr { border-bottom: 1px solid $line; padding: .6rem 0; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 10.5pt; max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  figure, tr, .facts div, pre { break-inside: avoid; }
  .wide { overflow: visible; }
  table.numbers { font-size: 6.3pt; } table.numbers th, table.numbers td { padding: .15rem .2rem; position: static; }
  a { color: inherit; text-decoration: none; }
  .screen { display: none; }
}
"""
"""With the colours by name."""


def _root(scheme: str, colours: dict[str, str]) -> str:
    """The rule that gives the colours their values."""
    return f":root {{ color-scheme: {scheme}; {' '.join(f'--{name}: {value};' for name, value in colours.items())} }}"


STYLE = Template(SHEET).substitute(
    {name: f"var(--{name})" for name in LIGHT}, light=_root("light", LIGHT), dark=_root("dark", DARK)
)
"""The style sheet of a page."""
