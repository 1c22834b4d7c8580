// Plots of the history of a destination, or of all, with uPlot.
"use strict";

// A point is [ms, sent/s, refused/s, learned/s, concurrency, queued]; see series.go.
const SENT = 1, REFUSED = 2, LEARNED = 3, CONCURRENCY = 4, QUEUED = 5;
const SHOWN_MS = 15 * 60 * 1000;

// colour returns a colour of page.css.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

// series says how a column of the points is drawn.
const KINDS = {
  sent: { column: SENT, label: "delivered", colour: "sent", fill: "sent-fill", scale: "rate" },
  refused: { column: REFUSED, label: "refused", colour: "refused", scale: "rate" },
  learned: { column: LEARNED, label: "learned limit", colour: "learned", scale: "rate", dash: [5, 4], gapAtZero: true },
  concurrency: { column: CONCURRENCY, label: "concurrency", colour: "concurrency", scale: "concurrency", stepped: true },
  queued: { column: QUEUED, label: "waiting", colour: "queued", scale: "queued" },
};

// Plot draws some columns of a history. A small one has no axes. Its element is for
// the eye: the same numbers are in the text of the page.
class Plot {
  constructor(element, kinds, small) {
    this.element = element;
    this.kinds = kinds.map((k) => KINDS[k]);
    this.small = small;
    this.points = [];
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
    element.setAttribute("role", "img");
  }

  // set replaces the history.
  set(points) {
    this.points = points.slice();
    this.draw();
  }

  // add appends the newest point; without one the last is as before.
  add(ms, point) {
    const last = this.points[this.points.length - 1];
    if (last && last[0] >= ms) return;
    const next = (point || last || [0, 0, 0, 0, 0, 0]).slice();
    next[0] = ms;
    this.points.push(next);
    while (this.points.length && this.points[0][0] < ms - SHOWN_MS) this.points.shift();
    this.draw();
  }

  data() {
    const columns = [this.points.map((p) => p[0] / 1000)];
    for (const k of this.kinds) {
      columns.push(this.points.map((p) => (k.gapAtZero && p[k.column] === 0 ? null : p[k.column])));
    }
    return columns;
  }

  draw() {
    if (!this.plot) {
      if (this.element.clientWidth === 0) return; // not shown
      this.plot = new uPlot(this.options(), this.data(), this.element);
      this.plot.root.setAttribute("aria-hidden", "true"); // the element has a name
      return;
    }
    this.plot.setData(this.data());
  }

  resize() {
    const width = this.element.clientWidth;
    if (width === 0) return;
    if (!this.plot) this.draw();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: this.height() });
  }

  height() {
    return this.small ? 38 : 190;
  }

  options() {
    const scales = { x: { time: true, range: (u, min, max) => [Math.min(min, max - 30), max] } };
    for (const k of this.kinds) {
      scales[k.scale] = { range: (u, min, max) => [0, Math.max(max * 1.1, k.scale === "rate" ? 0.5 : 1)] };
    }
    const options = {
      width: this.element.clientWidth,
      height: this.height(),
      scales,
      legend: { show: this.kinds.length > 1 && !this.small, live: false },
      cursor: { show: false },
      series: [{}, ...this.kinds.map((k) => this.line(k))],
      padding: this.small ? [2, 0, 2, 0] : [8, 16, 0, 0],
    };
    if (this.small) options.axes = [{ show: false }, { show: false }];
    else options.axes = this.axes();
    return options;
  }

  line(k) {
    const line = { label: k.label, scale: k.scale, stroke: colour(k.colour), width: this.small ? 1.25 : 1.5, spanGaps: !k.gapAtZero, points: { show: false } };
    if (k.fill) line.fill = colour(k.fill);
    if (k.dash) line.dash = k.dash;
    if (k.stepped) line.paths = uPlot.paths.stepped({ align: 1 });
    return line;
  }

  axes() {
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const scales = [...new Set(this.kinds.map((k) => k.scale))];
    const clock = (u, at) => at.map((s) => new Date(s * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: at[1] - at[0] < 60 ? "2-digit" : undefined, hourCycle: "h23" }));
    return [
      { ...axis, values: clock, space: 70, size: 30 },
      ...scales.map((scale, i) => ({ ...axis, scale, side: i === 0 ? 3 : 1, grid: i === 0 ? axis.grid : { show: false }, size: 48, values: (u, at) => at.map((v) => short(v)) })),
    ];
  }

  // recolour draws everything anew, in the colours of now.
  recolour() {
    this.clear();
    this.draw();
  }

  clear() {
    if (this.plot) this.plot.destroy();
    this.plot = null;
  }

  end() {
    this.clear();
    this.observer.disconnect();
  }
}

// short writes a number in little room: 12,031 as "12k".
function short(n) {
  if (Math.abs(n) >= 1e6) return +(n / 1e6).toPrecision(3) + "M";
  if (Math.abs(n) >= 1e4) return +(n / 1e3).toPrecision(3) + "k";
  return String(+n.toPrecision(3));
}
