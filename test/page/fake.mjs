// A made-up state: what a scheduler would serve, as it is set here. It is for what no
// scheduler can be brought to say at will, and for clusters that are too large to be made.

import { createServer } from "node:http";

const prefix = "/state/v1alpha1/";

export class Fake {
  pods = [];
  gangs = [];
  nodes = [];
  images = [];
  next = 1;
  refuses = new Map(); // the code with which a path is refused
  asked = []; // the paths that were asked for
  #followers = new Set();

  async start() {
    this.server = createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  // move has pods come to places: the state changes, and those who follow moves are told.
  move(...moves) {
    const steps = moves.map((move) => ({ number: this.next++, at: new Date().toISOString(), ...move }));
    for (const step of steps) {
      const i = this.pods.findIndex((pod) => pod.name === step.name && pod.namespace === step.namespace);
      const pod = { attempts: 0, priority: 0, came: step.at, ...this.pods[i], namespace: step.namespace, name: step.name, place: step.place, since: step.at };
      if (i >= 0) this.pods.splice(i, 1);
      if (step.place !== "Bound" && step.place !== "Gone") this.pods.push(pod);
    }
    const lines = steps.map((step) => JSON.stringify(step) + "\n").join("");
    for (const follower of this.#followers) follower.write(lines);
  }

  // interrupt breaks off what is followed.
  interrupt() {
    for (const follower of this.#followers) follower.destroy();
  }

  #answer(request, response) {
    const url = new URL(request.url, this.url);
    const path = decodeURIComponent(url.pathname.slice(prefix.length)).replace(/^namespaces\/[^/]*\/?(?=(pods|gangs|moves)$)/, "");
    this.asked.push(path);
    response.setHeader("Content-Type", "application/json");
    if (this.refuses.has(path)) return refuse(response, this.refuses.get(path), `${path}: refused by the test`);
    const [, namespace, kind, name] = /^namespaces\/([^/]*)\/(pods|gangs)\/(.*)$/.exec(path) ?? [];
    const named = (object) => object.namespace === namespace && object.name === name;
    if (path === "pods") return response.end(JSON.stringify({ items: this.pods, next: this.next }));
    if (path === "gangs") return response.end(JSON.stringify({ items: this.gangs.map(({ pods, moves, ...gang }) => gang) }));
    if (path === "nodes") return response.end(JSON.stringify({ items: this.nodes.map(({ held, ...node }) => node) }));
    if (path === "images") return response.end(JSON.stringify({ items: this.images.map(({ on, pulledOn, ...image }) => image), rates: {} }));
    if (path === "moves") {
      response.flushHeaders();
      this.#followers.add(response);
      response.on("close", () => this.#followers.delete(response));
      return undefined;
    }
    const found = kind === "pods" ? this.pods.find(named)
      : kind === "gangs" ? { items: this.gangs.filter(named) }
        : path.startsWith("nodes/") ? this.nodes.find((node) => `nodes/${node.name}` === path)?.held
          : this.images.find((image) => `images/${image.image}` === path);
    if (!found || found.items?.length === 0) return refuse(response, 404, `${path} not found`);
    return response.end(JSON.stringify(found));
  }
}

function refuse(response, code, message) {
  response.statusCode = code;
  response.end(JSON.stringify({ kind: "Status", status: "Failure", code, message }));
}

// cluster makes up so many nodes in racks of 40, and so many pods, of which most are members
// of gangs of 8.
export function cluster(fake, nodes, pods) {
  const racks = Math.ceil(nodes / 40);
  const at = new Date(Date.now() - 90_000).toISOString();
  fake.nodes = Array.from({ length: nodes }, (_, i) => ({
    name: `node-${i}`,
    labels: { "topology.kubernetes.io/zone": `zone-${(i % racks) % 3}`, "example.com/rack": `rack-${i % racks}` },
    ready: i % 97 !== 13,
    unschedulable: i % 89 === 7,
    room: {
      cpu: { has: "64", used: `${(i * 7919) % 64001}m` },
      memory: { has: "256Gi", used: `${(i * 104729) % 257}Gi` },
      ...(i % 4 === 0 ? { "nvidia.com/gpu": { has: "8", used: `${(i / 4) % 9}` } } : {}),
      pods: { has: "110", used: `${i % 110}` },
    },
    kept: i % 50 === 0 ? 2 : 0,
    images: { count: 50, bytes: 40e9 + ((i * 31) % 60) * 1e9, cutOff: i % 2 === 0 },
    pulls: { count: i % 10 === 0 ? 1 : 0, bytes: i % 10 === 0 ? 2e9 : 0 },
    held: { node: `node-${i}`, platform: "linux/amd64", bytesPerSecond: 1e8, images: [{ image: "reg.example/train:v1", bytes: 6e9, pods: 1 }] },
  }));
  fake.images = Array.from({ length: 200 }, (_, i) => ({
    image: `reg.example/app-${i}:v1`, bytes: 1e9, layers: true, nodes: Math.floor(nodes / 3), pulling: Math.floor(nodes / 10),
    on: fake.nodes.filter((_, n) => (n + i) % 3 === 0).map((node) => node.name),
    pulledOn: fake.nodes.filter((_, n) => (n + i) % 3 === 1 && n % 10 < 3).map((node) => node.name),
  }));
  const message = "gang ml/train: 5 of 8 members fit; one more needs nvidia.com/gpu 8, the nearest node has nvidia.com/gpu 4 free, all nodes together nvidia.com/gpu 96; " +
    `of ${nodes} nodes: ${nodes - 12} insufficient nvidia.com/gpu, 12 untolerated taint; it would start with room for 3 more (nvidia.com/gpu 24), or with a minimum of 5`;
  const placed = ["Active", "Active", "Backoff", "Unschedulable", "Unschedulable", "Gated", "Gated", "Gated"];
  fake.pods = Array.from({ length: pods }, (_, i) => ({
    namespace: `team-${i % 7}`, name: `pod-${i}`, gang: i % 5 === 0 ? undefined : `gang-${Math.floor(i / 8)}`, place: placed[i % 8], since: at, came: at,
    priority: 0, attempts: i % 4, position: i % 8 < 2 ? i : undefined, refusedBy: i % 8 === 3 ? ["GangPlan"] : undefined, message: i % 3 === 0 ? message : undefined,
  }));
  const states = ["Waiting", "Running", "Running", "Gathering", "Starting"];
  fake.gangs = Array.from({ length: Math.floor(pods / 8) }, (_, i) => ({
    namespace: `team-${i % 7}`, name: `gang-${i}`, source: "Label", state: states[i % 5], min: 8, members: 8, bound: [0, 8, 8, 0, 3][i % 5], running: [0, 8, 8, 0, 1][i % 5],
    succeeded: 0, failed: 0, planned: i % 5 === 4 ? 4 : 0, reserved: i % 5 === 4 ? 1 : 0, message: i % 5 === 0 ? message : undefined,
    pods: Array.from({ length: 8 }, (_, m) => ({ name: `pod-${8 * i + m}`, place: m < 3 ? "Bound" : "Active", node: m < 3 ? `node-${(i + 25 * m) % nodes}` : undefined, planned: m >= 3 ? `node-${(i + 25 * m) % nodes}` : undefined })),
    moves: [{ at, state: "Gathering", message: "7 of 8 members exist" }, { at, state: "Waiting", message }],
  }));
}
