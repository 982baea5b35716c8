// The nodes: as a map by domains, and the same as a table.

import { byId, el, keepFocus, link, mark, say } from "./dom.js";
import { at, canvasOf, cell, colours, draw, lay } from "./map.js";
import { amount, bytes, many, quantity } from "./quantity.js";

const rows = 100; // of the table; more are counted
const widest = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"]; // are wider than what has as many domains
const first = ["cpu", "memory"]; // of the resources; the others follow by name

export class Nodes {
  #nodes = [];
  #largest = { images: 0, pulls: 0 };
  #where; // of the image that is shown: the nodes that have it and that pull it
  #gang; // which nodes the gang that is shown has or gets
  #plan; // of the map
  #legend; // what it says
  #matches; // which nodes the user looks for
  #onImage;
  #image;

  // onImage is told of an image that was chosen, by its name, or that none is.
  constructor({ onImage }) {
    this.#onImage = onImage;
    for (const id of ["shade", "by", "image"]) {
      byId(id).addEventListener("change", (event) => {
        touched.add(event.target);
        this.#changed();
      });
    }
    byId("as-table").addEventListener("click", () => {
      const table = byId("as-table").getAttribute("aria-pressed") !== "true";
      mark(byId("as-table"), "aria-pressed", String(table));
      byId("table-view").hidden = !table;
      byId("map-view").hidden = table;
      this.draw({ matches: this.#matches });
    });
    const canvas = byId("map");
    const under = (event) => this.#plan && at(this.#plan, event.offsetX, event.offsetY)?.node;
    canvas.addEventListener("mousemove", (event) => {
      const node = under(event);
      canvas.style.cursor = node ? "pointer" : "";
      say(byId("hover"), node ? this.#told(node) : "");
    });
    canvas.addEventListener("mouseleave", () => say(byId("hover"), ""));
    canvas.addEventListener("click", (event) => {
      const node = under(event);
      if (node) location.hash = link("node", node.name);
    });
    const redraw = () => this.draw({ matches: this.#matches });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(() => requestAnimationFrame(redraw)).observe(byId("map-scroll"));
  }

  // refused shows this instead of nodes; undefined if they may be shown.
  refused(message) {
    byId("nodes-body").hidden = message !== undefined;
    byId("nodes-refused").hidden = message === undefined;
    say(byId("nodes-refused"), message ?? "");
    if (message !== undefined) say(byId("nodes-summary"), "");
  }

  take(list) {
    this.refused(undefined);
    this.#nodes = list.items.sort((a, b) => natural(a.name, b.name));
    const resources = new Set();
    const domains = new Map();
    this.#largest = { images: 0, pulls: 0 };
    for (const node of list.items) {
      for (const resource of Object.keys(node.room ?? {})) resources.add(resource);
      for (const [key, value] of Object.entries(node.labels ?? {})) domains.set(key, (domains.get(key) ?? new Set()).add(value));
      for (const kind of ["images", "pulls"]) this.#largest[kind] = Math.max(this.#largest[kind], node[kind]?.bytes ?? 0);
    }
    const sorted = [...resources].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    options(byId("shade"), [...sorted.map((r) => [`room ${r}`, `${r} in use`]), ["images", "bytes of images"], ["pulls", "bytes to pull"], ["image", "who has an image"]]);
    const keys = [...domains.keys()].sort((a, b) => domains.get(a).size - domains.get(b).size || widest.indexOf(b) - widest.indexOf(a) || (a < b ? -1 : 1));
    const two = keys.slice(-2);
    options(byId("by"), [...(two.length === 2 ? [[two.join(" "), two.map(short).join(", ")]] : []), ...keys.map((key) => [key, short(key)]), ["", "name"]]);
    const lost = list.items.filter((node) => !node.ready).length;
    const closed = list.items.filter((node) => node.unschedulable).length;
    say(byId("nodes-summary"), [many(list.items.length, "node"), lost ? `${lost.toLocaleString("en")} not ready` : "", closed ? `${closed.toLocaleString("en")} closed` : ""].filter(Boolean).join(", "));
  }

  // images has these names to choose from.
  images(names) {
    const list = byId("image-list");
    if (list.childElementCount === names.length && [...list.children].every((o, i) => o.value === names[i])) return;
    list.replaceChildren(...names.map((name) => el("option", { value: name })));
    if (!byId("image").value && names.length > 0) {
      byId("image").value = names[0];
      this.#changed();
    }
  }

  // has says where the image is that was chosen; undefined if nobody has it.
  has(image) {
    this.#where = { have: new Set(image?.on ?? []), pull: new Set(image?.pulledOn ?? []) };
  }

  // highlight shows where a gang is: how many members each node has, and how many it is
  // going to have; undefined for none.
  highlight(gang) {
    this.#gang = gang;
  }

  domainOf(name) {
    const node = this.#nodes.find((n) => n.name === name);
    return node ? this.#keys().map((key) => node.labels?.[key]).filter(Boolean).join(", ") : "";
  }

  #changed() {
    const shown = byId("shade").value === "image";
    byId("image-label").hidden = !shown;
    const image = shown ? byId("image").value.trim() : undefined;
    if (image !== this.#image) {
      this.#image = image;
      this.#where = undefined;
      this.#onImage(image);
    }
    this.draw({ matches: this.#matches });
  }

  #keys() {
    return byId("by").value.split(" ").filter(Boolean);
  }

  draw({ matches }) {
    this.#matches = matches;
    if (byId("nodes-body").hidden) return;
    if (byId("as-table").getAttribute("aria-pressed") === "true") this.#drawTable();
    else this.#drawMap();
  }

  #drawMap() {
    const box = byId("map-scroll");
    const width = box.clientWidth;
    if (width === 0) return;
    this.#plan = lay(this.#domains(), width, box.clientHeight);
    const theme = colours();
    const look = (node) => this.#look(node);
    draw(canvasOf(byId("map"), width, Math.max(this.#plan.height, 1)), this.#plan, look, theme);
    const keys = this.#keys().map(short).join(" and ") || "name";
    mark(byId("map"), "aria-label", `Map of ${many(this.#nodes.length, "node")} by ${keys}: ${byId("shade").selectedOptions[0]?.text ?? ""}. The button Table shows the same as a table.`);
    this.#drawLegend(theme);
  }

  // domains are the nodes by the values of at most two labels.
  #domains() {
    const [wide, narrow] = this.#keys().length === 2 ? this.#keys() : [undefined, this.#keys()[0]];
    const outer = new Map();
    for (const node of this.#nodes) {
      const [a, b] = [wide, narrow].map((key) => (key === undefined ? undefined : node.labels?.[key] ?? "without"));
      if (!outer.has(a)) outer.set(a, new Map());
      const inner = outer.get(a);
      if (!inner.has(b)) inner.set(b, []);
      inner.get(b).push(node);
    }
    const named = ([a], [b]) => natural(a ?? "", b ?? "");
    return [...outer].sort(named).map(([name, inner]) => ({
      name: name === undefined || name.startsWith(short(wide)) ? name : `${short(wide)} ${name}`,
      inner: [...inner].sort(named).map(([name, nodes]) => ({ name, nodes })),
    }));
  }

  #look(node) {
    const gang = this.#gang?.get(node.name);
    return {
      share: this.#share(node),
      mark: !node.ready ? "lost" : node.unschedulable ? "closed" : undefined,
      ring: gang?.bound ? "bound" : gang?.planned ? "planned" : undefined,
      dim: (this.#gang?.size > 0 && !gang) || (this.#matches && !this.#matches({ name: node.name })),
    };
  }

  // share is how full a node is, of what is shown.
  #share(node) {
    const [kind, resource] = byId("shade").value.split(" ");
    switch (kind) {
      case "room": {
        const room = node.room?.[resource];
        const has = quantity(room?.has);
        return has > 0 ? quantity(room.used) / has : undefined;
      }
      case "image":
        return this.#where?.have.has(node.name) ? 1 : this.#where?.pull.has(node.name) ? 0.5 : 0;
      default:
        return this.#largest[kind] ? (node[kind]?.bytes ?? 0) / this.#largest[kind] : 0;
    }
  }

  // value says the same in words.
  #value(node) {
    const [kind, resource] = byId("shade").value.split(" ");
    switch (kind) {
      case "room": {
        const room = node.room?.[resource];
        return quantity(room?.has) > 0 ? `${amount(resource, room.used)} of ${amount(resource, room.has)}` : "has none";
      }
      case "image":
        return this.#where?.have.has(node.name) ? "has it" : this.#where?.pull.has(node.name) ? "pulls it" : "does not have it";
      default: {
        const held = node[kind];
        return `${many(held?.count ?? 0, kind.slice(0, -1))}, ${bytes(held?.bytes ?? 0)}${kind === "images" && held?.cutOff ? ", and maybe more" : ""}`;
      }
    }
  }

  #state(node) {
    return [node.ready ? "ready" : "not ready", node.unschedulable ? "closed to new pods" : "", node.kept ? `room kept for ${many(node.kept, "member")}` : ""].filter(Boolean).join(", ");
  }

  #membership(node) {
    const gang = this.#gang?.get(node.name);
    return gang ? [gang.bound ? `${gang.bound} bound` : "", gang.planned ? `${gang.planned} planned` : ""].filter(Boolean).join(", ") : "";
  }

  #told(node) {
    const gang = this.#membership(node);
    return [node.name, this.domainOf(node.name), `${byId("shade").selectedOptions[0].text}: ${this.#value(node)}`, this.#state(node), gang && `of the gang: ${gang}`].filter(Boolean).join(" · ");
  }

  #drawLegend(theme) {
    const kind = byId("shade").value.split(" ")[0];
    const entries = kind === "image"
      ? [[{ share: 1 }, "has it"], [{ share: 0.5 }, "pulls it"], [{ share: 0 }, "does not have it"]]
      : kind === "room"
        ? [[{ share: 0 }, "free"], [{ share: 0.5 }, "half in use"], [{ share: 1 }, "full"], [{ share: undefined }, "has none"]]
        : [[{ share: 0 }, "none"], [{ share: 1 }, bytes(this.#largest[kind] ?? 0)]];
    if (this.#nodes.some((node) => !node.ready)) entries.push([{ share: 0, mark: "lost" }, "not ready"]);
    if (this.#nodes.some((node) => node.unschedulable)) entries.push([{ share: 0, mark: "closed" }, "closed"]);
    const gang = [...(this.#gang?.values() ?? [])];
    if (gang.some((at) => at.bound)) entries.push([{ share: 0, ring: "bound" }, "has members of the gang"]);
    if (gang.some((at) => !at.bound)) entries.push([{ share: 0, ring: "planned" }, "is planned for some"]);
    const key = JSON.stringify([entries, theme]);
    if (this.#legend === key) return;
    this.#legend = key;
    byId("legend").replaceChildren(...entries.map(([look, text]) => {
      const canvas = el("canvas", { "aria-hidden": "true" });
      cell(canvasOf(canvas, 17, 17), 1.5, 1.5, 14, look, theme);
      return el("li", {}, canvas, text);
    }));
  }

  #drawTable() {
    const keys = this.#keys();
    const found = this.#nodes.filter((node) => !this.#matches || this.#matches({ name: node.name }));
    const of = (node) => (this.#gang?.has(node.name) ? 1 : 0);
    found.sort((a, b) => of(b) - of(a) || (this.#share(b) ?? -1) - (this.#share(a) ?? -1));
    const shade = byId("shade").selectedOptions[0]?.text ?? "";
    keepFocus(byId("nodes"), () => {
      const table = el("table", {},
        el("caption", {}, `Nodes: ${shade}, most first`),
        el("thead", {}, el("tr", {}, ...["Node", ...keys.map(short), shade, "State", ...(this.#gang ? ["Of the gang"] : [])].map((text) => el("th", { scope: "col" }, text)))),
        el("tbody", {}, ...found.slice(0, rows).map((node) => el("tr", {},
          el("th", { scope: "row" }, el("a", { href: link("node", node.name) }, node.name)),
          ...keys.map((key) => el("td", {}, node.labels?.[key] ?? "")),
          el("td", {}, this.#value(node)), el("td", {}, this.#state(node)),
          ...(this.#gang ? [el("td", {}, this.#membership(node))] : [])))));
      byId("table-view").replaceChildren(table, ...(found.length > rows ? [el("p", { class: "more" }, `and ${(found.length - rows).toLocaleString("en")} more`)] : []));
    });
  }
}

const natural = new Intl.Collator("en", { numeric: true }).compare;
const rank = (resource) => (first.indexOf(resource) + 1 || first.length + 1);
const short = (key) => key.slice(key.lastIndexOf("/") + 1);

// options gives a choice these values, and keeps the one that the user chose.
function options(select, entries) {
  const key = JSON.stringify(entries);
  if (select.dataset.entries === key) return;
  select.dataset.entries = key;
  const { value } = select;
  select.replaceChildren(...entries.map(([value, text]) => el("option", { value }, text)));
  if (touched.has(select) && entries.some(([v]) => v === value)) select.value = value;
}

const touched = new WeakSet(); // the choices that the user made
