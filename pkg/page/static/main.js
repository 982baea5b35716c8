// The page of kubectl muster ui. What it shows is read here and handed to the parts that draw
// it: whatever came since the last time, at once.

import { byId, linked, mark, say } from "./dom.js";
import { Details } from "./details.js";
import { ask, Feed, Refusal, follow } from "./feed.js";
import { Gangs } from "./gangs.js";
import { News } from "./news.js";
import { Nodes } from "./nodes.js";
import { keyOf, Places } from "./places.js";
import { Columns } from "./queue.js";

const scope = await (async () => {
  const response = await ask("scope.json");
  if (response.ok) return response.json();
  const text = await response.text();
  notReached(new Refusal(response.status, text)); // the command was started anew
  throw new Error(text);
})();
const all = scope.namespace === "";
const below = (what) => (all ? what : `namespaces/${encodeURIComponent(scope.namespace)}/${what}`);
say(byId("scope"), [all ? "all namespaces" : `namespace ${scope.namespace}`, scope.context].filter(Boolean).join(" · "));

const queue = new Places();
let gangs = [];
const columns = new Columns();
const gangList = new Gangs();
const news = new News((text) => say(byId("news"), text));
const nodes = new Nodes({ onImage: chooseImage });
const details = new Details({
  onGang: (where) => {
    nodes.highlight(where);
    draw("nodes");
  },
  domainOf: (name) => nodes.domainOf(name),
});

// What is to be drawn, soon: many moves are drawn at a time.
const dirty = new Set();
const pause = 100; // milliseconds between two drawings
let moved = new Set();
let drawn = -Infinity;

function draw(...parts) {
  if (dirty.size === 0) setTimeout(() => requestAnimationFrame(frame), Math.max(0, drawn + pause - performance.now()));
  for (const part of parts) dirty.add(part);
}

// frame draws one part, so that no frame takes long, and has the next one drawn in the next.
function frame() {
  const [part] = dirty;
  dirty.delete(part);
  if (dirty.size > 0) requestAnimationFrame(frame);
  performance.mark("draw");
  const text = byId("find").value.trim();
  const matches = text === "" ? undefined : ({ namespace = "", name, gang = "" }) => `${namespace}/${name} ${gang}`.includes(text);
  const { kind, names } = details.chosen ?? {};
  const selected = (of) => kind === of && names.join("/");
  switch (part) {
    case "queue":
      columns.draw(queue, { all, matches, moved, selected: selected("pod") });
      moved = new Set();
      break;
    case "gangs":
      gangList.draw(gangs, { all, matches, selected: selected("gang") });
      break;
    default:
      nodes.draw({ matches });
  }
  performance.clearMeasures(`draw ${part}`); // the last one of each is kept, for who wonders
  performance.measure(`draw ${part}`, "draw");
  performance.clearMarks("draw");
  drawn = performance.now();
}

// What is read.
let stopFollowing;

const pods = new Feed({
  path: below("pods"),
  least: 3000,
  before: () => queue.reading(),
  take: (list) => {
    queue.list(list);
    reached();
    draw("queue");
    if (!stopFollowing) followMoves();
  },
  fail: (refusal) => {
    unfollow(); // if the way to the scheduler is broken, that may never be told
    notReached(refusal);
  },
});

const gangFeed = new Feed({
  path: below("gangs"),
  least: 3000,
  take: (list) => {
    news.gangs(list.items);
    gangs = list.items;
    draw("gangs");
  },
  fail: notReached,
});

const nodeFeed = new Feed({
  path: "nodes",
  least: 5000,
  take: (list) => {
    nodes.take(list);
    draw("nodes");
  },
  fail: (refusal) => {
    if (refusal.code === 403) nodes.refused("Where there is room and where images are is shown to those who may list nodes, and you may not: " + refusal.message);
    else if (refusal.code === 404) nodes.refused("This scheduler does not tell of nodes: it is older than this page.");
    else notReached(refusal);
  },
});

const imageFeed = new Feed({ path: "images", least: 10_000, take: (list) => nodes.images(list.items.map((image) => image.image)), fail: () => {} });
let whereFeed;

// chooseImage has the nodes shown that have an image; undefined if none is shown.
function chooseImage(name) {
  whereFeed?.stop();
  whereFeed = undefined;
  if (name === undefined) return imageFeed.stop();
  imageFeed.start();
  if (name === "") return;
  const take = (image) => {
    nodes.has(image);
    draw("nodes");
  };
  whereFeed = new Feed({ path: `images/${name.split("/").map(encodeURIComponent).join("/")}`, least: 5000, take, fail: () => take(undefined) });
  whereFeed.start();
}

async function followMoves() {
  const stop = (stopFollowing = new AbortController());
  try {
    while (!stop.signal.aborted) {
      await follow(below("moves"), queue.next, stop.signal, take);
      await new Promise((resolve) => { setTimeout(resolve, 1000); }); // it ends now and then
    }
  } catch (error) {
    if (stop.signal.aborted) return;
    // The list is read again, and then moves are followed from there.
    notReached(error instanceof Refusal ? error : new Refusal(0, `the moves broke off: ${error.message}`));
    pods.changed();
  } finally {
    if (stopFollowing === stop) stopFollowing = undefined;
  }
}

function unfollow() {
  stopFollowing?.abort();
  stopFollowing = undefined;
}

function take(steps) {
  let changed = false;
  for (const step of steps) {
    if (step.lost) changed = true;
    const move = queue.step(step);
    if (!move) continue;
    changed = true;
    moved.add(move.key);
    news.move(move);
    if (isChosen(move)) details.changed();
  }
  if (!changed) return;
  draw("queue");
  for (const feed of [pods, gangFeed, nodeFeed, whereFeed]) feed?.changed();
}

function isChosen({ key, pod }) {
  const { kind, names } = details.chosen ?? {};
  return (kind === "pod" && key === names.join("/")) || (kind === "gang" && pod.namespace === names[0] && (pod.gang ?? names[1]) === names[1]);
}

function reached() {
  say(byId("link"), "Live");
  mark(byId("link"), "data-live", "true");
  byId("alert").hidden = true;
  say(byId("alert"), "");
}

function notReached(refusal) {
  say(byId("link"), "Not live");
  mark(byId("link"), "data-live", "false");
  byId("alert").hidden = false;
  say(byId("alert"), refusal.code === 403 ? `This is not for you: ${refusal.message}` : `What is shown is old: ${refusal.message}`);
}

// A page that nobody sees asks for nothing.
function attend() {
  const feeds = [pods, gangFeed, nodeFeed, details, whereFeed];
  if (document.visibilityState === "visible") {
    for (const feed of [...feeds, whereFeed && imageFeed]) feed?.start();
    return;
  }
  unfollow();
  for (const feed of [...feeds, imageFeed]) feed?.stop();
}

function choose() {
  const chosen = linked(location.hash);
  if (!chosen && !["", "#"].includes(location.hash)) return; // a part of the page
  details.choose(chosen);
  if (chosen) news.say(`Details of ${chosen.kind} ${chosen.names.join("/")}`);
  draw("queue", "gangs", "nodes");
}

addEventListener("hashchange", choose);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && details.chosen) location.hash = "";
});
byId("find").addEventListener("input", () => draw("queue", "gangs", "nodes"));
document.addEventListener("visibilitychange", attend);
setInterval(() => details.tick(), 10_000);
choose();
attend();
