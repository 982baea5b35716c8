// The columns of the queue, and pods that go from one to another.

import { arrange, byId, el, keepFocus, link, mark, say } from "./dom.js";
import { places } from "./places.js";
import { many } from "./quantity.js";

const meanings = {
  Gated: "kept out of the queue",
  Active: "wait for their turn",
  Scheduling: "have their turn",
  Unschedulable: "refused",
  Backoff: "wait a moment",
};

const shown = 25; // of a column; more are counted
const seen = 12; // moves that are drawn at a time; more would be a blur

export class Columns {
  #columns = new Map();
  #chips = new Map();
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor() {
    for (const place of places) {
      const count = el("span", { class: "count" }, "0");
      const list = el("ol", { "aria-label": `${place} pods` });
      const more = el("p", { class: "more", hidden: true });
      const heading = el("h3", {}, place, " ", count, " ", el("small", {}, meanings[place]));
      byId("columns").append(el("div", { class: "column", "data-place": place }, heading, list, more));
      this.#columns.set(place, { count, list, more });
    }
  }

  // draw shows the first of each place. The names of pods are shown with their namespace if those of all are.
  draw(queue, { all, matches, selected, moved }) {
    keepFocus(byId("queue"), () => {
      const from = this.#measure(moved);
      const kept = new Map();
      for (const [place, column] of this.#columns) this.#drawColumn(column, queue.columns.get(place), { all, matches, selected, kept });
      this.#chips = kept;
      this.#animate(from);
    });
    const waiting = queue.size + queue.unknown;
    say(byId("queue-summary"), waiting === 0 ? "no pod waits" : `${many(waiting, "pod")} ${waiting === 1 ? "waits" : "wait"}` +
      (queue.unknown ? `, of ${queue.unknown.toLocaleString("en")} nothing else is known: too many came` : ""));
  }

  #drawColumn({ count, list, more }, pods, { all, matches, selected, kept }) {
    const chips = [];
    let found = 0;
    for (const [key, pod] of pods) {
      if (matches && !matches(pod)) continue;
      found++;
      if (chips.length === shown) {
        if (!matches) break;
        continue;
      }
      const chip = this.#chips.get(key) ?? this.#chip(pod, all);
      say(chip.about, about(pod));
      mark(chip.a, "aria-current", selected === key && "true");
      kept.set(key, chip);
      chips.push(chip.li);
    }
    if (!matches) found = pods.size;
    say(count, (matches ? `${found.toLocaleString("en")} of ` : "") + pods.size.toLocaleString("en"));
    arrange(list, chips);
    const hidden = found - chips.length;
    more.hidden = hidden === 0;
    say(more, hidden === 0 ? "" : `and ${hidden.toLocaleString("en")} more`);
  }

  #chip(pod, all) {
    const about = el("small");
    const name = el("span", { class: "name" }, all ? `${pod.namespace}/${pod.name}` : pod.name);
    const a = el("a", { href: link("pod", pod.namespace, pod.name), title: `${pod.namespace}/${pod.name}` }, name, about);
    return { li: el("li", {}, a), a, about, fresh: true };
  }

  // measure says where those are that are about to move, if that is to be seen.
  #measure(moved) {
    const from = new Map();
    if (this.#still.matches) return from;
    for (const key of moved) {
      if (from.size === seen) break;
      const chip = this.#chips.get(key);
      if (chip) from.set(key, chip.li.getBoundingClientRect());
    }
    return from;
  }

  #animate(from) {
    const ways = [];
    for (const [key, was] of from) {
      const chip = this.#chips.get(key);
      const is = chip?.li.getBoundingClientRect();
      if (is && is.x !== was.x) ways.push([chip.li, was, is]);
    }
    for (const [li, was, is] of ways) fly(li, was, is);
    let drawn = 0;
    for (const chip of this.#chips.values()) {
      if (!chip.fresh) continue;
      chip.fresh = false;
      if (!this.#still.matches && drawn++ < seen) chip.li.animate([{ opacity: 0 }, { opacity: 1 }], 300);
    }
  }
}

// fly shows how an element came to where it is. Lists do not show what is outside of them,
// so it is a likeness that flies, and the element appears when it arrives.
function fly(element, was, is) {
  const likeness = el("div", { class: "likeness", "aria-hidden": "true" }, element.querySelector(".name").textContent);
  Object.assign(likeness.style, { left: `${is.x}px`, top: `${is.y}px`, width: `${is.width}px` });
  document.body.append(likeness);
  const timing = { duration: 400, easing: "ease-out" };
  element.animate([{ opacity: 0 }, { opacity: 0, offset: 0.8 }, { opacity: 1 }], timing);
  likeness.animate([{ transform: `translate(${was.x - is.x}px, ${was.y - is.y}px)` }, { transform: "none" }], timing).finished.finally(() => likeness.remove());
}

// about is what is said of a pod beside its name.
function about(pod) {
  const parts = [];
  if (pod.gang) parts.push(`gang ${pod.gang}`);
  if (pod.attempts > 0) parts.push(many(pod.attempts, "try", "tries"));
  return parts.join(", ");
}
