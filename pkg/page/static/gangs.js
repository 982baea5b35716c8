// The list of gangs: those that wait first.

import { arrange, byId, el, keepFocus, link, mark, say } from "./dom.js";
import { many } from "./quantity.js";

const order = ["Invalid", "Waiting", "Placing", "Starting", "Repairing", "Queued", "Gathering", "Running", "Finished"];
const shown = 50;

export class Gangs {
  #rows = new Map();

  draw(gangs, { all, matches, selected }) {
    const found = gangs.filter((gang) => !matches || matches(gang))
      .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || compare(a.namespace, b.namespace) || compare(a.name, b.name));
    const counts = new Map();
    for (const gang of gangs) counts.set(gang.state, (counts.get(gang.state) ?? 0) + 1);
    say(byId("gangs-summary"), gangs.length === 0 ? "there are none" : order.filter((state) => counts.has(state)).map((state) => `${counts.get(state).toLocaleString("en")} ${state}`).join(", "));
    keepFocus(byId("gangs"), () => {
      const kept = new Map();
      const rows = found.slice(0, shown).map((gang) => {
        const key = `${gang.namespace}/${gang.name}/${gang.source}`;
        const row = this.#rows.get(key) ?? rowOf(gang, all);
        fill(row, gang, selected === `${gang.namespace}/${gang.name}`);
        kept.set(key, row);
        return row.li;
      });
      this.#rows = kept;
      arrange(byId("gang-list"), rows);
    });
    const more = byId("gangs-more");
    more.hidden = found.length <= shown;
    say(more, more.hidden ? "" : `and ${(found.length - shown).toLocaleString("en")} more`);
  }
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function rowOf(gang, all) {
  const row = { state: el("span", { class: "state" }), count: el("span", { class: "count" }), bar: bar(), message: el("p", { class: "message" }) };
  row.a = el("a", { href: link("gang", gang.namespace, gang.name) }, all ? `${gang.namespace}/${gang.name}` : gang.name);
  row.li = el("li", {}, el("div", { class: "line" }, row.a, row.state, row.count), row.bar.element, row.message);
  return row;
}

function fill(row, gang, selected) {
  say(row.state, gang.state);
  mark(row.state, "data-state", gang.state);
  say(row.count, progress(gang));
  row.bar.show(gang);
  say(row.message, verdict(gang, gang.message) || gang.outlook || "");
  row.message.hidden = row.message.textContent === "";
  mark(row.a, "aria-current", selected && "true");
}

// verdict is what the scheduler says of a gang, without the name that is there already.
export function verdict({ namespace, name }, message = "") {
  const about = `gang ${namespace}/${name}: `;
  return message.startsWith(about) ? message.slice(about.length) : message;
}

// progress says how far a gang has come, as numbers.
export function progress(gang) {
  const parts = [`${gang.bound} of ${gang.min} bound`];
  if (gang.reserved) parts.push(`${gang.reserved} reserved`);
  if (gang.planned) parts.push(`${gang.planned} planned`);
  if (gang.members < gang.min) parts.push(`${many(gang.members, "member")} there`);
  return parts.join(", ");
}

// bar shows the same, as a bar of which the parts differ in texture too: see page.css.
export function bar() {
  const parts = ["bound", "reserved", "planned"].map((name) => [name, el("i", { class: name })]);
  const element = el("div", { class: "bar", "aria-hidden": "true" }, ...parts.map(([, part]) => part));
  const show = (gang) => {
    const whole = Math.max(gang.min, gang.members, 1);
    for (const [name, part] of parts) {
      const width = `${Math.min(100, (100 * (gang[name] ?? 0)) / whole)}%`;
      if (part.style.width !== width) part.style.width = width;
    }
  };
  return { element, show };
}
