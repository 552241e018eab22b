// Runs the script of the history page without a browser: charts are drawn, one is pointed at, zoomed into and back.
//
// linkedom has documents and events but no layout: each chart is 480 by 230 pixels here, all at the window's corner.
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { parseHTML } from "linkedom";

const WIDE = 480, HIGH = 230;
const { document, window, Element, Event } = parseHTML(readFileSync(process.argv[2], "utf8"));
const box = () => ({ left: 0, top: 0, width: WIDE, height: HIGH });
Object.defineProperty(Element.prototype, "clientWidth", { get: () => WIDE + 24 });
Object.defineProperty(Element.prototype, "getBoundingClientRect", { value: box });
Object.defineProperty(Element.prototype, "setPointerCapture", { value: () => {} });
let watched = () => {};
class IntersectionObserver {
  constructor(seen) { watched = seen; }
  observe(target) { watched([{ target, isIntersecting: true }]); }
}

const run = vm.createContext({ document, window, IntersectionObserver });
for (const script of document.querySelectorAll("script:not([type])")) vm.runInContext(script.textContent, run);

const charts = [...document.querySelectorAll("figure")].map((figure) => ({ figure, chart: figure.querySelector("svg") }));
const send = (name, x, y = 100) => charts[0].chart.dispatchEvent(Object.assign(new Event(name), { clientX: x, clientY: y, button: 0, pointerId: 1 }));
const seen = () => charts.map(({ figure, chart }) => ({
  title: figure.querySelector("figcaption").firstChild.textContent,
  said: figure.querySelector("figcaption span").textContent,
  lines: [...chart.querySelectorAll("path.l")].map((path) => path.getAttribute("d")),
  bands: chart.querySelectorAll("path.band").length,
  dots: chart.querySelectorAll("circle[r='2.5'], circle.bad").length,
  marks: chart.querySelectorAll(".ok, .moved, .again, .rel").length,
  axis: [...chart.querySelectorAll("text.e")].map((text) => text.textContent),
  ticked: [...chart.querySelectorAll("text.m:not(.relt)")].map((text) => text.textContent),
}));
const tip = () => {
  const found = document.getElementById("tip");
  return found.hidden ? null : [...found.children].map((line) => line.textContent);
};

const told = { first: seen(), quiet: tip() };
send("pointermove", 58);  // the left edge: the oldest commit
told.oldest = tip();
send("pointermove", WIDE - 12);
told.newest = tip();
send("pointerleave", 0);
told.left = tip();
send("pointerdown", 150);
send("pointermove", 250);
told.dragged = document.querySelectorAll("rect.zoom").length;
send("pointerup", 250);
told.zoomed = seen();
told.button = !document.querySelector("button").hidden;
send("dblclick", 100);
told.back = seen();
console.log(JSON.stringify(told));
