// The page: it follows the events of the server and shows them. Texts from servers
// are only ever given to textContent.
"use strict";

const $ = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");
const shownRows = new Map(); // what is shown of a destination, by name
let source = null; // of events
let rows = 50; // asked for
let view = null; // "" for the list, else the name of a destination
let actions = [];
let plots = {}; // those that are not in rows
let again = 0; // the timer for another connection

// make returns an element with a class and children, which are elements or texts.
function make(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children.map((c) => (c instanceof Node ? c : String(c))));
  return e;
}

// say sets the text of an element if it is another.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// clock returns a time of day: "14:03", with the date when it is of another day.
function clock(ms, seconds) {
  const at = new Date(ms);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23" });
  if (at.toDateString() === new Date().toDateString()) return time;
  return at.toLocaleDateString([], { day: "numeric", month: "short" }) + " " + time;
}

// until returns how long it is to a time: "in 12 s"; "" when it has passed.
function until(ms, now) {
  const s = (ms - now) / 1000;
  if (!ms || s <= 0) return "";
  if (s < 0.05) return "at once";
  if (s < 10) return "in " + s.toFixed(1) + " s";
  if (s < 120) return "in " + Math.round(s) + " s";
  if (s < 7200) return "in " + Math.round(s / 60) + " min";
  return "at " + clock(ms);
}

function badge(state) {
  return make("span", "state " + state, state);
}

function address(name) {
  return "#/" + encodeURIComponent(name);
}

// tiles shows numbers with their names.
function tiles(list, entries) {
  for (const [i, [name, value]] of entries.entries()) {
    if (!list.children[i]) list.append(make("div", "", make("dt", "", name), make("dd", "")));
    say(list.children[i].firstChild, name);
    say(list.children[i].lastChild, value);
  }
}

// refusals shows lessons; with names where they are of several scopes.
function refusals(list, empty, lessons, named) {
  list.replaceChildren(...lessons.map((l) => {
    const item = make("li", "", make("time", "", clock(l.at, true)));
    if (named) item.append(l.scope === "destination" ? link(l.name) : make("b", "", l.scope + " " + l.name));
    item.append(make("q", "", l.reply || "no words: a pattern of refusals"));
    if (l.taught) item.append(make("span", "taught", l.taught));
    return item;
  }));
  empty.hidden = lessons.length > 0;
}

function link(name) {
  const a = make("a", "", name);
  a.href = address(name);
  return a;
}

// Row is a destination in the list.
class Row {
  constructor(name) {
    this.link = link(name);
    this.state = make("td", "");
    this.queued = make("td", "number");
    this.plotCell = make("div", "spark");
    this.now = make("span", "now");
    this.eta = make("td", "number");
    this.lesson = make("td", "lesson");
    const head = make("th", "", this.link);
    head.scope = "row";
    this.element = make("tr", "", head, this.state, this.queued, make("td", "wide", this.plotCell, this.now), this.eta, this.lesson);
    this.queued.dataset.label = "waiting";
    this.eta.dataset.label = "done about";
    this.element.addEventListener("click", (e) => {
      if (!e.target.closest("a") && !getSelection().toString()) location.hash = this.link.hash;
    });
    this.plot = new Plot(this.plotCell, ["sent", "learned", "concurrency"], true);
  }

  // show takes in what has changed; nothing did when data is undefined.
  show(ms, data) {
    if (data) {
      this.data = data;
      this.state.replaceChildren(badge(data.state));
      if (data.bind) this.state.append(make("small", "", data.bind));
      say(this.queued, numbers.format(data.queued));
      say(this.now, short(data.point[SENT]) + "/s, concurrency " + data.point[CONCURRENCY]);
      this.plotCell.setAttribute("aria-label", "Rate over 15 minutes, now " + this.now.textContent);
      say(this.eta, data.eta ? clock(data.eta) : data.queued ? "–" : "");
      this.lesson.replaceChildren();
      if (data.at) this.lesson.append(make("time", "", clock(data.at)), make("q", "", data.reply), make("small", "", data.taught || ""));
    }
    if (data && data.history) this.plot.set(data.history);
    else this.plot.add(ms, this.data && this.data.point);
  }

  end() {
    this.plot.end();
    this.element.remove();
  }
}

// destinations shows the rows in their order.
function destinations(e) {
  const changed = new Map((e.rows || []).map((r) => [r.name, r]));
  if (e.order) {
    const wanted = new Set(e.order);
    for (const [name, row] of shownRows) {
      if (!wanted.has(name)) {
        row.end();
        shownRows.delete(name);
      }
    }
    const body = $("destinations").tBodies[0];
    e.order.forEach((name, i) => {
      if (!shownRows.has(name)) shownRows.set(name, new Row(name));
      const element = shownRows.get(name).element;
      if (body.children[i] !== element) move(body, element, body.children[i] || null);
    });
  }
  for (const [name, row] of shownRows) row.show(e.time, changed.get(name));
  $("destinations").hidden = shownRows.size === 0;
  $("none").hidden = shownRows.size > 0;
  say($("none"), $("search").value ? "No destination has that in its name." : "No mail waits, and none was sent lately.");
  say($("known"), e.matches === e.known ? numbers.format(e.known) : numbers.format(e.matches) + " of " + numbers.format(e.known));
  $("more").hidden = e.matches <= shownRows.size || rows >= 500;
}

// move puts an element before another, and keeps the focus that is inside.
function move(parent, element, before) {
  const focus = element.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(element, before);
  if (focus) focus.focus({ preventScroll: true });
}

// table shows a table of texts and elements.
function table(id, list, cellsOf) {
  const labels = [...$(id).tHead.rows[0].cells];
  $(id).tBodies[0].replaceChildren(...list.map((of) => {
    const row = make("tr", "");
    cellsOf(of).forEach((cell, i) => {
      const td = make(i === 0 ? "th" : "td", labels[i].className, cell);
      if (i === 0) td.scope = "row";
      td.dataset.label = labels[i].textContent.toLowerCase();
      if (cell === "") td.classList.add("nothing");
      row.append(td);
    });
    return row;
  }));
}

function relays(list, now) {
  table("relays", list, (r) => [
    r.name, badge(r.state), numbers.format(r.connections) + " of " + numbers.format(r.concurrency), numbers.format(r.delivered), numbers.format(r.refused), r.rate || "", r.tls || "",
    [r.trouble, r.until && until(r.until, now) && "next try " + until(r.until, now)].filter(Boolean).join("; "),
  ]);
}

function tenants(list, now) {
  $("tenants-panel").hidden = list.length === 0;
  table("tenants", list, (t) => [t.name, t.kind, numbers.format(t.parked), numbers.format(t.inFlight), t.bind || "", until(t.next, now)]);
}

// overview shows an event of the list.
function overview(e) {
  tiles($("totals"), [
    ["Waiting", numbers.format(e.total.queued)], ["On the wire", numbers.format(e.total.inFlight)], ["Connections", numbers.format(e.total.connections)],
    ["Delivered", numbers.format(e.total.delivered)], ["A second", short(e.point[SENT])], ["Refused for good", numbers.format(e.total.refused)], ["Told to slow down", numbers.format(e.total.throttled)],
  ]);
  if (e.history) plots.total.set(e.history);
  else plots.total.add(e.time, e.point);
  destinations(e);
  if (e.relays) relays(e.relays, e.time);
  if (e.tenants) tenants(e.tenants, e.time);
  if (e.refusals) refusals($("refusals"), $("no-refusals"), e.refusals, true);
}

// detail shows an event of one destination.
function detail(e) {
  const d = e.detail;
  say($("name"), d.name);
  $("state").replaceChildren(badge(d.state));
  $("words").replaceChildren(...d.words.map((phrase) => make("li", "", ...phrase.map((part) => (typeof part === "number" ? make("time", "", clock(part)) : part)))));
  for (const name of ["rate", "concurrency", "queue"]) {
    if (d.history) plots[name].set(d.history);
    else plots[name].add(e.time, d.point);
  }
  refusals($("lessons"), $("no-lessons"), d.refusals, false);
  const c = d.counts;
  tiles($("counts"), [
    ["Delivered", c.delivered], ["Refused for good", c.refused], ["Gave up", c.gave_up], ["Unknown", c.unknown],
    ["Tries", c.tries], ["Told to slow down", c.throttled], ["Put off", Object.values(c.deferred || {}).reduce((a, b) => a + b, 0)],
  ].map(([name, n]) => [name, numbers.format(n)]));
  buttons(d);
}

const LABELS = { pause: "Pause", resume: "Resume", retry: "Retry now", forget: "Forget what was learned" };

// buttons shows those actions that make sense now. The focus of one that goes moves to
// the first that stays.
function buttons(d) {
  const focus = document.activeElement;
  for (const b of $("actions").children) b.hidden = (b.dataset.action === "pause" && d.state === "paused") || (b.dataset.action === "resume" && d.state !== "paused");
  const first = [...$("actions").children].find((b) => !b.hidden);
  if (focus && focus.hidden && first && $("actions").contains(focus)) first.focus();
}

// offer makes the buttons of the actions that the server offers.
function offer(list) {
  actions = list;
  $("actions").replaceChildren(...list.map((action) => {
    const b = make("button", "", LABELS[action]);
    b.type = "button";
    b.dataset.action = action;
    b.addEventListener("click", () => act(action));
    return b;
  }));
}

// act asks the server for an action on the destination that is shown.
async function act(action) {
  try {
    const reply = await fetch("action", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ action, name: view }) });
    say($("done"), reply.ok ? LABELS[action] + ": done." : LABELS[action] + ": " + (await reply.text()));
  } catch {
    say($("done"), LABELS[action] + ": the server did not answer.");
  }
}

// receive shows an event.
function receive(message) {
  const e = JSON.parse(message.data);
  if (e.actions && e.actions.join() !== actions.join()) offer(e.actions);
  if (e.detail) detail(e);
  else overview(e);
}

function status(text, live) {
  say($("link-text"), text);
  $("link").className = live ? "live" : "";
}

// follow opens the events of what is to be shown, and closes those before.
function follow() {
  disconnect();
  const ask = new URLSearchParams(view ? { name: view } : { rows, search: $("search").value });
  const events = new EventSource("events?" + ask);
  source = events;
  events.onopen = () => status("live", true);
  events.onmessage = receive;
  events.onerror = () => {
    status("not connected", false);
    if (events.readyState === EventSource.CLOSED) { // refused: the browser does not ask again
      clearTimeout(again);
      again = setTimeout(follow, 5000);
    }
  };
}

function disconnect() {
  clearTimeout(again);
  if (source) source.close();
  source = null;
}

// route shows what the address names.
function route() {
  const name = location.hash.startsWith("#/") ? decode(location.hash.slice(2)) : view || "";
  if (name === view) return;
  const first = view === null;
  const from = view;
  view = name;
  $("overview").hidden = name !== "";
  $("detail").hidden = name === "";
  document.title = name ? name + " – smtpace" : "smtpace";
  for (const plot of Object.values(plots)) plot.end();
  plots = {};
  if (name) {
    say($("name"), name);
    say($("done"), "");
    for (const id of ["state", "words", "lessons", "counts"]) $(id).replaceChildren();
    for (const b of $("actions").children) b.hidden = true;
    plots = { rate: new Plot($("rate-plot"), ["sent", "refused", "learned"]), concurrency: new Plot($("concurrency-plot"), ["concurrency"]), queue: new Plot($("queue-plot"), ["queued"]) };
    $("name").focus({ preventScroll: true });
    scrollTo(0, 0);
  } else {
    plots = { total: new Plot($("total-plot"), ["sent", "refused", "queued"]) };
    const row = from && shownRows.get(from);
    if (row) row.link.focus();
    else if (!first) $("main").focus({ preventScroll: true });
  }
  for (const [id, what] of [["total-plot", "Rate and waiting mail over 15 minutes"], ["rate-plot", "Rate over 15 minutes"], ["concurrency-plot", "Concurrency over 15 minutes"], ["queue-plot", "Waiting mail over 15 minutes"]]) $(id).setAttribute("aria-label", what);
  follow();
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

let typed = 0; // the timer of the search
$("search").addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(follow, 100);
});
$("more").addEventListener("click", () => {
  rows = Math.min(rows * 2, 500);
  follow();
});
addEventListener("hashchange", route);
addEventListener("keydown", (e) => {
  if (e.key === "/" && !view && e.target.tagName !== "INPUT" && !e.ctrlKey && !e.metaKey && !e.altKey) {
    e.preventDefault();
    $("search").focus();
  }
  if (e.key === "Escape" && view) location.hash = "#/";
});
// A page that nobody sees holds no connection: a browser has few for one server.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    disconnect();
    status("not followed while hidden", false);
  } else if (!source) follow();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of Object.values(plots)) plot.recolour();
  for (const row of shownRows.values()) row.plot.recolour();
});
route();
