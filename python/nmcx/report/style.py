"""Style sheet of the report: light, readable on a telephone and on paper."""

CSS = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --accent: #0b5c8f; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 17px/1.6 Georgia, "Iowan Old Style", "Times New Roman", serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.2rem 4rem; }
h1, h2, h3, table, figcaption, .by {
  font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .8rem;
  border-top: 1px solid var(--line); color: var(--accent); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: 0 0 .8rem; max-width: 44rem; }
.by { color: var(--soft); font-size: .85rem; }
figure { margin: 1.4rem 0; }
img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .85rem; line-height: 1.45; color: var(--soft); margin-top: .4rem;
  max-width: 44rem; }
.scene iframe { display: block; }
figcaption b { color: var(--ink); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.provenance th { font-weight: 600; white-space: nowrap; }
.provenance code { overflow-wrap: anywhere; }
.remark { font-size: .9rem; color: var(--soft); margin-top: .5rem; }
li { margin-bottom: .3rem; max-width: 44rem; }
code, pre { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .8rem; }
pre { background: #f5f7f9; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; }
@media print {
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  .scene { display: none; }
  figure, tr { break-inside: avoid; } h2 { break-after: avoid; } pre { white-space: pre-wrap; }
}
"""
