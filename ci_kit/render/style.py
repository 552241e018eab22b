"""The style of the HTML page; the colours are those of GitHub, so that the page and the comment look alike."""

COLOURS = """
:root{--bg:#fff;--fg:#1f2328;--soft:#59636e;--line:#d1d9e0;--head:#f6f8fa;
--c0:#0969da;--c1:#8c959f;--c2:#bc4c00;--c3:#1a7f37;--c4:#8250df;--c5:#cf222e}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#f0f6fc;--soft:#9198a1;--line:#3d444d;--head:#151b23;
--c0:#4493f8;--c1:#9198a1;--c2:#f0883e;--c3:#3fb950;--c4:#ab7df8;--c5:#f85149}}
"""

# Of all charts. A cell has a ground of its own, so that its number is read where only the page around it is dark.
CHARTS = """
svg text{font-size:12px;fill:var(--soft)}
svg .h{fill:var(--fg)}
.m{text-anchor:middle}
.e{text-anchor:end}
.g{stroke:var(--line);fill:none}
.z{stroke:var(--soft);fill:none}
.l{fill:none;stroke-width:2}
.p{fill:none;stroke-linecap:round;stroke-width:6;stroke-opacity:.6}
.p.c1{stroke-linecap:square;stroke-width:4.5}
.ground{fill:var(--bg)}
.right{fill:var(--c0)}
.wrong{fill:var(--c2)}
.same{fill:none;stroke:var(--c0)}
""" + "".join(
    f".l.c{index},.p.c{index}{{stroke:var(--c{index})}}.b.c{index}{{fill:var(--c{index})}}" for index in range(6)
)

CSS = (
    COLOURS
    + """
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0 1rem}
h2{font-size:1.2rem;margin:1.5rem 0 .5rem}
summary{cursor:pointer;border-top:1px solid var(--line);padding:.5rem 0}
summary h2{display:inline;margin:0}
.wide{overflow-x:auto;margin:0 0 1rem}
table{border-collapse:collapse}
th,td{border:1px solid var(--line);padding:.35rem .8rem;text-align:left;vertical-align:top}
td{overflow-wrap:break-word;max-width:30rem}
th{background:var(--head)}
th:empty{min-width:1rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
ul{padding-left:1.2rem}
li{margin:.5rem 0}
code,pre{font:85%/1.45 ui-monospace,SFMono-Regular,Menlo,monospace;background:var(--head);border-radius:6px}
code{padding:.15em .35em;overflow-wrap:anywhere}
pre{padding:.75rem;overflow:auto;max-height:24rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:.35rem 0}
figure{margin:0 0 1.5rem}
figcaption{font-weight:600}
svg{max-width:100%;height:auto;display:block}
svg:not([width]){width:100%;max-width:45rem}
.wide svg{max-width:none}
.legend{margin:.25rem 0;color:var(--soft)}
.k{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 .7em}
"""
    + "".join(f".k.c{index}{{background:var(--c{index})}}" for index in range(6))
    + CHARTS
)

# The page for the person on call: the verdict in its colour, three tiles, a card for each column.
WATCH = """
:root{--fail:#cf222e;--warn:#9a6700;--unsure:#9a6700;--pass:#1a7f37;--skip:#59636e}
@media(prefers-color-scheme:dark){:root{--fail:#f85149;--warn:#d29922;--unsure:#d29922;--pass:#3fb950;--skip:#9198a1}}
main{max-width:76rem}
header{border-left:.4rem solid var(--skip);padding:.2rem 0 .2rem 1rem;margin:0 0 1rem}
header p{margin:0;color:var(--soft)}
header h1{margin:.2rem 0 .4rem}
h3{margin:0 0 .3rem;font-size:1rem;overflow-wrap:anywhere}
h3 i{font-weight:400;color:var(--soft)}
.tiles,.cards{display:grid;gap:.8rem}
.cards+details{margin-top:.8rem}
.tiles{grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr))}
.cards{grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr))}
.tile,article{border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;min-width:0}
.tile{border-top:.3rem solid var(--skip)}
.tile b,.tile span{display:block;overflow-wrap:anywhere}
article p{margin:0 0 .4rem;overflow-wrap:anywhere}
small{color:var(--soft);display:block}
.foot{margin-top:.8rem}
.legend .k:first-child{margin-left:0}
figure{margin:.4rem 0 0}
a{color:var(--c0)}
.a{opacity:.55;stroke:none}
.a.c1{fill:var(--c1)}
""" + "".join(
    f"header.{one}{{border-left-color:var(--{one})}}.tile.{one}{{border-top-color:var(--{one})}}"
    for one in ("fail", "warn", "unsure", "pass", "skip")
)

# The page of the history: a card for each metric, and over them what the pointer is on.
CHRONICLE = """
main{max-width:80rem}
h1{margin-bottom:.25rem}
.lead,.note{color:var(--soft);margin:0 0 .75rem}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1.25rem;color:var(--soft);margin:.5rem 0;
font-size:.875rem;min-height:2rem}
.bar svg{width:1.6rem;height:1rem;flex:none;display:inline-block;vertical-align:-.15rem;margin-right:.4rem}
.bar button{font:inherit;color:var(--fg);background:var(--head);border:1px solid var(--line);border-radius:6px;
padding:.15rem .7rem;cursor:pointer}
.grid{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr))}
.grid figure{margin:0;border:1px solid var(--line);border-radius:8px;padding:.6rem .7rem .3rem;min-width:0}
.grid figcaption{display:flex;flex-wrap:wrap;gap:0 .6rem;align-items:baseline;overflow-wrap:anywhere}
.grid figcaption span{font-weight:400;color:var(--soft);font-size:.875rem;font-variant-numeric:tabular-nums}
.grid svg{max-width:none;touch-action:pan-y;user-select:none;-webkit-user-select:none;cursor:crosshair}
.grid .legend{font-size:.875rem;margin:0}
.band{opacity:.2;stroke:none}
.l.thin{stroke-width:1}
.dot{stroke:var(--bg);stroke-width:1.5}
.bad{fill:var(--bg);stroke:var(--c2);stroke-width:2}
.rel{stroke:var(--c4);stroke-dasharray:4 3;fill:none}
svg text.relt{fill:var(--c4)}
.ok{fill:none;stroke:var(--c1);stroke-width:1.5}
.moved{fill:var(--c2)}
.again{fill:var(--c4)}
.cross{stroke:var(--soft);fill:none}
.zoom{fill:var(--c0);opacity:.15}
#tip{position:fixed;z-index:9;pointer-events:none;max-width:min(22rem,calc(100vw - 1rem));background:var(--bg);
border:1px solid var(--line);border-radius:8px;padding:.5rem .7rem;font-size:.875rem;box-shadow:0 4px 16px #0004;
overflow-wrap:anywhere}
#tip b,#tip span{display:block}
#tip span{color:var(--soft)}
.wide table{font-size:.875rem}
.wide th,td small,td:nth-child(-n+2){white-space:nowrap}
td code{overflow-wrap:normal}
td small{display:block;color:var(--soft)}
td small b{color:var(--fg)}
.commits td:nth-child(4){min-width:13rem}
"""
