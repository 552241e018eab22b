// Draws the charts of the history. All texts go through textContent or setAttribute, never through markup.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.getElementById("charts");
  const LEFT = 58, RIGHT = 12, TOP = 18, FOOT = 40, HIGH = 230, MARKS = 12, PICK = 8, DENSE = 120;
  const last = data.at.length - 1;
  // A mark with a wrong date must not squeeze everything else.
  const span = Math.max(3600, data.at[last] - data.at[0]), room = span * 0.02, beside = Math.max(30 * 86400, span / 4);
  const ends = data.marks.map((mark) => mark.at).filter((at) => at > data.at[0] - beside && at < data.at[last] + beside);
  ends.push(data.at[0], data.at[last]);
  const all = [ends.reduce((a, b) => Math.min(a, b)) - room, ends.reduce((a, b) => Math.max(a, b)) + room];
  let [from, to] = all;

  const svg = (name, attributes, parent, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const html = (name, parent, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    parent.append(made);
    return made;
  };

  const day = (at) => new Date(at * 1000).toISOString().slice(0, 10);
  const minute = (at) => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");
  const formats = new Map();  // making one takes longer than using it a hundred times
  const write = (value, options) => {
    const name = JSON.stringify(options);
    if (!formats.has(name)) formats.set(name, new Intl.NumberFormat("en", options));
    return formats.get(name).format(value).replace("-", "−");
  };
  const digits = (value, most) => write(value, { maximumSignificantDigits: most });
  const scaled = (value, step, units, most) => {
    let turn = 0;
    while (turn < units.length - 1 && Math.abs(value) >= step) { value /= step; turn += 1; }
    return digits(value, most) + " " + units[turn];
  };
  const time = (value, most) => {
    const size = Math.abs(value);
    for (const [scale, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"]])
      if (size >= scale) return digits(value / scale, most) + " " + unit;
    return value ? digits(value * 1e6, most) + " µs" : "0 s";
  };
  const show = (value, unit, most = 3) => {
    const far = Math.abs(value) >= 1e15 || (value && Math.abs(value) < 1e-4);
    if (unit === "s") return time(value, most);
    if (unit === "share" && most === 3 && Math.abs(value) >= 0.0005)
      return write(value * 100, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) + " %";
    if (unit === "share") return digits(value * 100, most) + " %";
    if (unit === "bytes") return scaled(value, 1024, ["bytes", "KiB", "MiB", "GiB", "TiB"], most);
    if (unit === "J") return scaled(value, 1000, ["J", "kJ", "MJ", "GJ"], most);
    return ((far ? value.toExponential(2) : digits(value, most)) + " " + unit).trim();
  };

  // Round numbers of the unit in which they are shown: 5 min, not 333 s.
  const SCALES = { s: [1e-6, 1e-3, 1, 60, 3600, 86400], bytes: [1, 2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40] };
  const steps = (low, high, many, unit) => {
    const most = Math.max(Math.abs(low), Math.abs(high));
    const scale = (SCALES[unit] || []).filter((one) => one <= most).pop() || 1;
    const width = (high - low) / many / scale, power = 10 ** Math.floor(Math.log10(width)), found = [];
    const step = scale * ([1, 2, 5].map((one) => one * power).find((one) => one >= width) || 10 * power);
    for (let turn = Math.ceil(low / step); turn * step <= high && found.length < 20; turn += 1)
      found.push(Number((turn * step).toPrecision(10)));
    return found;
  };
  const nearest = (at) => {
    let low = 0, high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.at[middle] < at) low = middle + 1; else high = middle;
    }
    return low && at - data.at[low - 1] < data.at[low] - at ? low - 1 : low;
  };

  // The commits in sight, and one more on each side, so that lines run to the edge.
  const sight = () => {
    let low = 0, high = last;
    while (low < last && data.at[low + 1] < from) low += 1;
    while (high > 0 && data.at[high - 1] > to) high -= 1;
    return [low, high];
  };
  const bounds = (chart, low, high) => {
    let least = Infinity, most = -Infinity;
    for (const line of chart.lines)
      for (const values of [line.value, line.low, line.high])
        for (let index = low; values && index <= high; index += 1)
          if (values[index] !== null) { least = Math.min(least, values[index]); most = Math.max(most, values[index]); }
    if (least > most) return [0, 1];
    const spare = (most - least) * 0.06 || Math.abs(most) * 0.05 || 0.5;
    const floor = least >= 0 && (least - spare < 0 || !chart.lines[0].low) ? 0 : least - spare;
    const top = chart.unit === "share" && most <= 1 ? Math.min(1, most + spare) : most + spare;
    return [floor, top > floor ? top : floor + 1];
  };

  const views = data.charts.filter((chart) => chart.lines.length).map((chart) => ({ chart }));
  const tip = html("div", document.body);
  tip.id = "tip";
  tip.hidden = true;

  function key(bar, draw, words) {
    const item = html("span", bar), picture = svg("svg", { viewBox: "0 0 26 16", "aria-hidden": "true" }, item);
    draw(picture);
    item.append(words);
  }
  function mark(parent, one, x, y, r = 3.5) {
    if (one.kind === "retrain") return svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8, class: "again" }, parent);
    return one.status === "pass" || one.status === "skip"
      ? svg("circle", { cx: x, cy: y, r, class: "ok" }, parent)
      : svg("path", { d: `M${x - 5} ${y + 4}h10l-5 -9z`, class: "moved" }, parent);
  }

  const bar = html("div", root, undefined, "bar");
  const kinds = new Set(data.marks.map((one) => one.kind + (/pass|skip/.test(one.status) ? "" : "!")));
  key(bar, (to_) => {
    svg("path", { d: "M1 3L25 1V13L1 15z", class: "band b c0" }, to_);
    svg("path", { d: "M1 9L25 7", class: "l c0" }, to_);
  }, "value and its 95 % interval");
  if (data.status.includes("fail")) key(bar, (to_) => svg("circle", { cx: 13, cy: 8, r: 4, class: "bad" }, to_), "the check failed");
  if (kinds.has("release")) key(bar, (to_) => svg("path", { d: "M13 0V16", class: "rel" }, to_), "version");
  for (const [kind, status, words] of [["drift", "pass", "no drift"], ["drift", "fail", "drift"], ["retrain", "pass", "retraining"]])
    if (kinds.has(kind + (status === "pass" ? "" : "!")) || (kind === "retrain" && kinds.has("retrain!")))
      key(bar, (to_) => mark(to_, { kind, status }, 13, 8), words);
  html("span", bar, "Drag over a chart to zoom, double click to go back.");
  const reset = html("button", bar, "Show all");
  reset.type = "button";
  const grid = html("div", root, undefined, "grid");

  for (const view of views) {
    const { chart } = view, figure = html("figure", grid), caption = html("figcaption", figure, chart.title);
    view.said = html("span", caption);
    view.svg = svg("svg", { role: "img", viewBox: `0 0 480 ${HIGH}` }, figure);
    if (chart.lines.length > 1) {
      const legend = html("p", figure, undefined, "legend");
      for (const line of chart.lines) { html("span", legend, undefined, "k c" + line.tone); legend.append(line.name + " "); }
    }
  }

  function draw(view) {
    const { chart } = view, wide = Math.max(240, view.svg.parentNode.clientWidth - 24), bottom = HIGH - FOOT;
    const [low, high] = sight(), [least, most] = bounds(chart, low, high);
    const x = (at) => LEFT + ((wide - LEFT - RIGHT) * (at - from)) / (to - from);
    const y = (value) => bottom - ((bottom - TOP) * (value - least)) / (most - least);
    Object.assign(view, { x, y, wide, bottom });
    view.svg.replaceChildren();
    view.svg.setAttribute("viewBox", `0 0 ${wide} ${HIGH}`);
    svg("title", {}, view.svg, chart.title);
    view.clip = "clip" + views.indexOf(view);
    const clip = svg("clipPath", { id: view.clip }, view.svg);
    svg("rect", { x: LEFT, y: 0, width: wide - LEFT - RIGHT, height: HIGH }, clip);
    axes(view, least, most);
    const inner = svg("g", { "clip-path": `url(#${view.clip})` }, view.svg);
    for (const line of chart.lines) curve(view, inner, line, low, high);
    marks(view, inner);
    view.top = svg("g", {}, view.svg);
    view.stale = false;
  }
  // 0.20 beside 0.21, and not 0.2.
  function even(labels) {
    const parts = labels.map((label) => label.match(/^([−\d,]+)(?:\.(\d+))?( .*)?$/));
    if (parts.includes(null) || new Set(parts.map((part) => part[3])).size > 1) return labels;
    const most = Math.max(...parts.map((part) => (part[2] || "").length));
    return parts.map((part) => part[1] + (most ? "." + (part[2] || "").padEnd(most, "0") : "") + (part[3] || ""));
  }
  function axes(view, least, most) {
    const ticks = steps(least, most, 5, view.chart.unit);
    // As many digits as it takes to tell neighbours apart.
    let exact = 2;
    while (exact < 8 && new Set(ticks.map((tick) => show(tick, view.chart.unit, exact))).size < ticks.length) exact += 1;
    const labels = even(ticks.map((tick) => show(tick, view.chart.unit, exact)));
    ticks.forEach((tick, index) => {
      const at = view.y(tick);
      svg("path", { d: `M${LEFT} ${at.toFixed(1)}H${view.wide - RIGHT}`, class: "g" }, view.svg);
      svg("text", { x: LEFT - 6, y: (at + 4).toFixed(1), class: "e" }, view.svg, labels[index]);
    });
    const many = Math.max(2, Math.floor((view.wide - LEFT) / 110));
    const exactly = to - from < 3 * 86400 ? (at) => minute(at).slice(5) : day;
    for (let turn = 0; turn < many; turn += 1) {
      const at = from + ((turn + 0.5) * (to - from)) / many;
      svg("text", { x: view.x(at).toFixed(1), y: HIGH - 6, class: "m" }, view.svg, exactly(at));
    }
  }
  function curve(view, parent, line, low, high) {
    let path = "", pen = false, up = "", down = [];
    const flush = () => {
      if (down.length) svg("path", { d: "M" + up + "L" + down.reverse().join("L") + "Z", class: "band b c" + line.tone }, parent);
      up = ""; down = [];
    };
    const spots = [];
    for (let index = low; index <= high; index += 1) {
      const value = line.value[index];
      if (value === null) { pen = false; flush(); continue; }
      const at = view.x(data.at[index]).toFixed(1);
      path += (pen ? "L" : "M") + at + " " + view.y(value).toFixed(1);
      pen = true;
      spots.push(index);
      if (line.low && line.low[index] !== null) {
        up += (up && "L") + at + " " + view.y(line.high[index]).toFixed(1);
        down.push(at + " " + view.y(line.low[index]).toFixed(1));
      } else flush();
    }
    flush();
    svg("path", { d: path || "M0 0", class: (spots.length > 8 * DENSE ? "thin l c" : "l c") + line.tone, "stroke-linejoin": "round" }, parent);
    for (const index of spots) {
      const bad = data.status[index] === "fail" && line.low;
      if (spots.length > DENSE) {
        if (bad) svg("circle", { cx: view.x(data.at[index]).toFixed(1), cy: view.y(line.value[index]).toFixed(1), r: 2, class: "moved" }, parent);
        continue;
      }
      svg("circle", { cx: view.x(data.at[index]).toFixed(1), cy: view.y(line.value[index]).toFixed(1), r: bad ? 4 : 2.5, class: bad ? "bad" : "b c" + line.tone }, parent);
    }
  }
  function marks(view, parent) {
    let free = -Infinity;
    const seen = data.marks.filter((one) => one.at >= from && one.at <= to);
    const quiet = (one) => one.kind === "drift" && /pass|skip/.test(one.status);
    const size = seen.filter(quiet).length * 9 > view.wide ? 1.2 : 3.5;
    for (const one of [...seen.filter(quiet), ...seen.filter((one) => !quiet(one))]) {
      const at = view.x(one.at);
      if (one.kind !== "release") { mark(parent, one, at, view.bottom + MARKS, size); continue; }
      svg("path", { d: `M${at.toFixed(1)} ${TOP - 4}V${view.bottom}`, class: "rel" }, parent);
      const words = one.text.length > 16 ? one.text.slice(0, 15) + "…" : one.text, half = words.length * 3.4;
      const middle = Math.min(Math.max(at, LEFT + half), view.wide - RIGHT - half);
      if (middle - half < free) continue;
      svg("text", { x: middle.toFixed(1), y: 11, class: "m relt" }, parent, words);
      free = middle + half + 6;
    }
  }
  function caption(view, index) {
    const words = view.chart.lines.filter((line) => line.value[index] !== null).map((line) => {
      const unit = view.chart.unit, range = line.low && line.low[index] !== null
        ? ` (${show(line.low[index], unit)} … ${show(line.high[index], unit)})` : "";
      return (line.name && line.name + " ") + show(line.value[index], unit) + range;
    });
    return words.join(" · ");
  }

  function point(view, index, event) {
    for (const one of views.filter((other) => !other.stale)) {
      one.top.replaceChildren();
      const at = one.x(data.at[index]);
      if (at < LEFT || at > one.wide - RIGHT) continue;
      svg("path", { d: `M${at} ${TOP}V${one.bottom}`, class: "cross" }, one.top);
      for (const line of one.chart.lines)
        if (line.value[index] !== null)
          svg("circle", { cx: at, cy: one.y(line.value[index]), r: 4.5, class: "dot b c" + line.tone }, one.top);
      one.said.textContent = caption(one, index);
    }
    const rows = data.rows[index] === null ? "" : `, ${digits(data.rows[index], 15)} rows`;
    tell(event, [`${view.chart.title}: ${caption(view, index) || "not known"}`, `${minute(data.at[index])} UTC, ${data.sha[index]}, ${data.status[index]}${rows}`, data.subject[index]]);
  }
  function tell(event, [strong, ...rest]) {
    tip.replaceChildren();
    html("b", tip, strong);
    for (const words of rest) html("span", tip, words);
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), right = document.documentElement.clientWidth - 8;
    const left = event.clientX + 16 + box.width > right ? event.clientX - 16 - box.width : event.clientX + 16;
    tip.style.left = Math.max(8, Math.min(left, right - box.width)) + "px";
    const under = event.clientY + 20 + box.height > window.innerHeight ? event.clientY - 16 - box.height : event.clientY + 20;
    tip.style.top = Math.max(8, under) + "px";
  }
  function leave() {
    tip.hidden = true;
    for (const view of views) {
      if (!view.stale) view.top.replaceChildren();
      let index = last;
      while (index > 0 && !caption(view, index)) index -= 1;
      view.said.textContent = caption(view, index);
    }
  }
  // Charts are drawn when they come near to the window: there may be dozens, of thousands of commits each.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const view = views.find((one) => one.svg === entry.target);
      view.near = entry.isIntersecting;
      if (view.near && view.stale) draw(view);
    }
  }, { rootMargin: "300px" });
  function redraw() {
    for (const view of views) {
      view.stale = true;
      if (view.near) draw(view);
    }
    reset.hidden = from === all[0] && to === all[1];
    leave();
  }
  function zoom(low, high) {
    if (high - low < 60) return;
    [from, to] = [low, high];
    redraw();
  }

  for (const view of views) {
    const spot = (event) => {
      const box = view.svg.getBoundingClientRect();
      const x = Math.min(Math.max(((event.clientX - box.left) * view.wide) / box.width, LEFT), view.wide - RIGHT);
      return [x, ((event.clientY - box.top) * HIGH) / box.height, from + ((to - from) * (x - LEFT)) / (view.wide - LEFT - RIGHT)];
    };
    let began = null;
    view.svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      began = spot(event);
      view.svg.setPointerCapture(event.pointerId);
    });
    view.svg.addEventListener("pointermove", (event) => {
      const [x, y, at] = spot(event);
      if (began && Math.abs(x - began[0]) > 4) {
        tip.hidden = true;
        for (const one of views.filter((other) => !other.stale)) {
          one.top.replaceChildren();
          const [low, high] = [began[2], at].sort((a, b) => a - b).map(one.x);
          svg("rect", { x: low, y: TOP, width: high - low, height: one.bottom - TOP, class: "zoom" }, one.top);
        }
        return;
      }
      const inside = (one) => (one.kind === "release" ? y < TOP : y > view.bottom) && Math.abs(view.x(one.at) - x) < PICK;
      const near = data.marks.filter(inside).pop();
      if (near) tell(event, [near.text, `${minute(near.at)} UTC` + (near.kind === "release" ? "" : `, ${near.status}`)]);
      else point(view, nearest(at), event);
    });
    view.svg.addEventListener("pointerup", (event) => {
      const [x, , at] = spot(event), start = began;
      began = null;
      if (start && Math.abs(x - start[0]) > 4) zoom(Math.min(start[2], at), Math.max(start[2], at));
    });
    view.svg.addEventListener("pointercancel", () => { began = null; leave(); });
    view.svg.addEventListener("pointerleave", () => { if (!began) leave(); });
    view.svg.addEventListener("dblclick", () => zoom(...all));
  }
  reset.addEventListener("click", () => zoom(...all));
  let width = document.documentElement.clientWidth;
  window.addEventListener("resize", () => {
    if (width !== (width = document.documentElement.clientWidth)) redraw();
  });
  window.addEventListener("beforeprint", () => views.filter((view) => view.stale).forEach(draw));
  redraw();
  for (const view of views) watch.observe(view.svg);
})();
