// What is known of the pod, gang or node that was chosen.

import { byId, el, keepFocus, link } from "./dom.js";
import { Feed } from "./feed.js";
import { bar, progress, verdict } from "./gangs.js";
import { amount, bytes, clock, lasting, many } from "./quantity.js";

const shown = 100; // members, images; more are counted

export class Details {
  #chosen;
  #feed;
  #draw = () => [hint()];

  // onGang is told where the members of the gang are that was chosen, or that none is.
  constructor({ onGang, domainOf }) {
    this.onGang = onGang;
    this.domainOf = domainOf;
  }

  get chosen() {
    return this.#chosen;
  }

  choose(chosen) {
    this.stop();
    getSelection().removeAllRanges();
    this.#chosen = chosen;
    this.onGang(undefined);
    if (!chosen) {
      this.#feed = undefined;
      this.#show(() => [hint()]);
      return;
    }
    const { kind, names } = chosen;
    const heading = () => el("h3", {}, `${kind} ${names.join("/")} `, el("a", { href: "#", class: "close", "aria-label": "Close the details" }, "close"));
    this.#show(() => [heading(), el("p", { class: "quiet" }, "is asked for")]);
    const [namespace, name] = names;
    const path = kind === "node" ? `nodes/${encodeURIComponent(namespace)}` : `namespaces/${encodeURIComponent(namespace)}/${kind}s/${encodeURIComponent(name)}`;
    this.#feed = new Feed({
      path,
      least: 2000,
      take: (object) => {
        if (kind === "gang") this.onGang(nodesOf(object.items));
        this.#show(() => [heading(), ...{ pod: podOf, gang: (list) => list.items.flatMap((gang) => gangOf(gang, this.domainOf)), node: nodeOf }[kind](object)]);
      },
      fail: (refusal) => this.#show(() => [heading(), el("p", {}, refusal.code === 404 ? `Nothing is known of it any more.` : refusal.message)]),
    });
    this.#feed.start();
  }

  start() {
    this.#feed?.start();
  }

  stop() {
    this.#feed?.stop();
  }

  changed() {
    this.#feed?.changed();
  }

  // tick says anew how long ago things were.
  tick() {
    if (this.#chosen) this.#show(this.#draw);
  }

  #show(draw) {
    this.#draw = draw;
    const copied = getSelection();
    if (!copied.isCollapsed && byId("details-body").contains(copied.anchorNode)) return; // until the next time
    keepFocus(byId("details"), () => byId("details-body").replaceChildren(...draw()));
  }
}

const hint = () => el("p", { class: "quiet" }, "Choose a pod, a gang or a node to see what it waits for, where its members are, or what it has.");

// nodesOf is how many members each node has, and is going to have.
export function nodesOf(gangs) {
  const nodes = new Map();
  for (const { node, planned } of gangs.flatMap((gang) => gang.pods ?? [])) {
    const name = node || planned;
    if (!name) continue;
    const at = nodes.get(name) ?? { bound: 0, planned: 0 };
    at[node ? "bound" : "planned"]++;
    nodes.set(name, at);
  }
  return nodes;
}

const since = (time) => `${clock(time)}, ${lasting(Date.now() - new Date(time))} ago`;

// facts is a list of what is known, without what is not.
function facts(entries) {
  return el("dl", {}, ...entries.filter(([, value]) => value !== undefined && value !== "" && value !== 0 && value !== false)
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, typeof value === "number" ? value.toLocaleString("en") : value)]));
}

function steps(title, earlier, steps) {
  if (!steps?.length) return [];
  return [
    el("h4", {}, title),
    ...(earlier ? [el("p", { class: "quiet" }, `after ${many(earlier, "earlier one")}`)] : []),
    el("ol", { class: "way" }, ...steps.map(({ at, what, why }) => el("li", {}, el("time", { datetime: at }, clock(at)), " ", el("strong", {}, what), why ? ` ${why}` : ""))),
  ];
}

function podOf(pod) {
  const why = (move) => [move.event, move.object && `(${move.object})`, move.refusedBy?.length && `refused by ${move.refusedBy.join(", ")}`].filter(Boolean).join(" ");
  return [
    el("p", { class: "verdict" }, pod.message ?? ""),
    facts([
      ["Place", `${pod.place}, since ${since(pod.since)}`],
      ["Position", pod.position && `${pod.position.toLocaleString("en")} of those that are Active, in all namespaces`],
      ["Gang", pod.gang && el("a", { href: link("gang", pod.namespace, pod.gang) }, pod.gang)],
      ["Came", since(pod.came)],
      ["Priority", String(pod.priority)],
      ["Tries", String(pod.attempts)],
      ["Kept from the next", pod.backoffUntil && `until ${clock(pod.backoffUntil)}`],
      ["Refused by", pod.refusedBy?.join(", ")],
    ]),
    ...steps("Its way", pod.earlierMoves, pod.moves?.map((move) => ({ at: move.at, what: move.place, why: why(move) }))),
  ];
}

function gangOf(gang, domainOf) {
  const progressBar = bar();
  progressBar.show(gang);
  const contested = gang.contested;
  return [
    el("p", { class: "line" }, el("span", { class: "state", "data-state": gang.state }, gang.state), " ", progress(gang)),
    progressBar.element,
    el("p", { class: "verdict" }, verdict(gang, gang.message)),
    facts([
      ["Start together", String(gang.min)],
      ["Running", gang.running],
      ["Succeeded", gang.succeeded],
      ["Failed", gang.failed],
      ["Outlook", gang.outlook],
      ["Images ready", gang.imagesReadyAt && `${clock(gang.imagesReadyAt)}, in ${lasting(new Date(gang.imagesReadyAt) - Date.now())}`],
      ["Its room is held by", contested && [contested.pods?.join(", "), contested.more && `${contested.more} more`, contested.others && `${many(contested.others, "pod")} of other namespaces`].filter(Boolean).join("; ")],
      ["Stands in the queue", gang.representative && el("a", { href: link("pod", gang.namespace, gang.representative) }, gang.representative)],
      ["Named by", { Label: "label", PodGroup: "PodGroup", Native: "PodGroup of Kubernetes" }[gang.source] ?? gang.source],
    ]),
    ...members(gang, domainOf),
    ...steps("Its way", gang.earlierMoves, gang.moves?.map(({ at, state, message }) => ({ at, what: state, why: verdict(gang, message) }))),
  ];
}

function members(gang, domainOf) {
  if (!gang.pods?.length) return [];
  const roles = gang.pods.some((member) => member.role);
  const where = ({ node, planned }) => {
    const name = node || planned;
    if (!name) return [""];
    const domain = domainOf(name);
    return [el("a", { href: link("node", name) }, name), node ? "" : " (planned)", domain ? el("small", {}, ` ${domain}`) : ""];
  };
  const more = gang.pods.length - shown;
  return [
    el("table", {},
      el("caption", {}, "Members"),
      el("thead", {}, el("tr", {}, ...["Pod", ...(roles ? ["Role"] : []), "Place", "Node"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, ...gang.pods.slice(0, shown).map((member) => el("tr", {},
        el("th", { scope: "row" }, el("a", { href: link("pod", gang.namespace, member.name) }, member.name)),
        ...(roles ? [el("td", {}, member.role ?? "")] : []),
        el("td", {}, member.place ?? ""),
        el("td", {}, ...where(member)))))),
    ...(more > 0 ? [el("p", { class: "more" }, `and ${more.toLocaleString("en")} more`)] : []),
  ];
}

function nodeOf(node) {
  const images = node.images ?? [];
  return [
    facts([
      ["Platform", node.platform],
      ["Pulls at", node.bytesPerSecond && `${bytes(node.bytesPerSecond)}/s when nothing is in the way`],
      ["Disk", node.diskBytes && `${bytes(node.diskUsed ?? 0)} of ${bytes(node.diskBytes)} for images`],
      ["Short of disk", node.diskPressure && "yes: it deletes what no pod uses"],
    ]),
    ...(node.pulls?.length
      ? [el("h4", {}, "Pulls"), el("ul", {}, ...node.pulls.slice(0, shown).map((pull) => el("li", {}, `${pull.images.join(", ")}: ${bytes(pull.arrived)} of ${bytes(pull.bytes)}${pull.reserved ? ", if the pod comes here" : ""}`)))]
      : []),
    el("h4", {}, `${many(images.length, "image")}${node.listCutOff ? ", and maybe more than it lists" : ""}`),
    el("ul", { class: "images" }, ...images.slice(0, shown).map((image) => el("li", {}, image.image, el("small", {}, ` ${[image.bytes && bytes(image.bytes), image.pods && many(image.pods, "pod")].filter(Boolean).join(", ")}`)))),
    ...(images.length > shown ? [el("p", { class: "more" }, `and ${(images.length - shown).toLocaleString("en")} more`)] : []),
  ];
}
