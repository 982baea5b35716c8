// The page of a real scheduler: the sandbox, with pods and gangs that come, run and wait.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { command, launch, open, picture, reads, root, until } from "./browser.mjs";

const files = mkdtempSync(`${tmpdir()}/muster-page-`);
const admin = `${files}/kubeconfig`;
let browser, sandbox, ui, scheduler;

before(async () => {
  browser = await launch();
  sandbox = await command("muster-sandbox", ["up", "--nodes", "48", "--racks", "6", "--zones", "2", "--kubeconfig", admin], /^READY kubeconfig=\S+ scheduler=(\S+)$/m);
  scheduler = sandbox.answer[1];
  ui = await show(admin);
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  await ui?.stop();
  await sandbox?.stop();
  rmSync(files, { recursive: true });
}, { timeout: 60_000 });

// show serves the page with a user's credentials.
const show = (kubeconfig, ...args) =>
  command("kubectl-muster", ["ui", "--kubeconfig", kubeconfig, "--scheduler-url", scheduler, "--scheduler-insecure-skip-tls-verify", ...args], /^(http:\S+)$/m);

const kubectl = (args, input) => execFileSync(`${root}bin/muster-sandbox`, ["kubectl", "--kubeconfig", admin, ...args], { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] }).trim();
const create = (...items) => kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));

const podSpec = (cpu, more) => ({ schedulerName: "muster", restartPolicy: "Never", containers: [{ name: "main", image: "reg.example/train:v1", resources: { requests: { cpu } } }], ...more });
const pod = (name, cpu, more, metadata = {}) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, ...metadata }, spec: podSpec(cpu, more) });
const job = (name, members, cpu, annotations = {}) => ({
  apiVersion: "batch/v1", kind: "Job", metadata: { name },
  spec: {
    completionMode: "Indexed", parallelism: members, completions: members,
    template: { metadata: { labels: { "muster.dev/gang": name }, annotations: { "muster.dev/min-member": String(members), ...annotations } }, spec: podSpec(cpu) },
  },
});

const column = (place) => `.column[data-place="${place}"]`;
const states = async (page) => page.locator("#gang-list .state").allInnerTexts();

// pictures keeps what the cluster looks like now, in both themes; look leads to what is to be seen.
async function pictures(name, look = async () => {}) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(browser, ui.answer[1], { colorScheme });
    await until(page, () => document.querySelector("#nodes-summary").textContent !== "");
    await look(page);
    await picture(page, `${name}-${colorScheme}`);
    await page.end();
  }
}

test("an idle cluster", async () => {
  const page = await open(browser, ui.answer[1]);
  await until(page, () => document.querySelector("#nodes-summary").textContent === "48 nodes");
  assert.match(await reads(page, "#scope"), /^namespace default · /);
  assert.equal(await reads(page, "#queue h2"), "Queue no pod waits");
  assert.equal(await reads(page, "#gangs h2"), "Gangs there are none");
  await page.end();
  await pictures("idle");
});

test("a pod is seen when it comes, and when what it waits for does", { timeout: 60_000 }, async (t) => {
  const page = await open(browser, ui.answer[1]);
  create(pod("needs-ssd", "1", { nodeSelector: { disk: "ssd" } }));
  const began = Date.now();
  const chip = page.locator(`${column("Unschedulable")} a`, { hasText: "needs-ssd" });
  await chip.waitFor({ timeout: 10_000 });
  t.diagnostic(`seen ${Date.now() - began} ms after kubectl said that it is there`);
  await chip.click();
  await until(page, () => /node affinity|node\(s\) didn't match/.test(document.querySelector("#details .verdict")?.textContent ?? ""));
  assert.match(await reads(page, "#details .way"), /Active UnscheduledPodAdd .*Scheduling Turn .*Unschedulable ScheduleAttemptFailure refused by NodeAffinity$/);
  kubectl(["label", "node", "node-1", "disk=ssd"]);
  await chip.waitFor({ state: "detached", timeout: 10_000 });
  await until(page, () => /NodeUpdateNodeLabel \(Node node-1\).*Bound/.test(document.querySelector("#details .way").textContent));
  await page.end();
});

test("a busy cluster: gangs start, and their plans are on the map", { timeout: 120_000 }, async () => {
  const page = await open(browser, ui.answer[1]);
  const rack = { "muster.dev/topology": "topology.kubernetes.io/zone=preferred,topology.muster.dev/rack=required" };
  create(...[0, 1, 2, 3].map((i) => job(`train-${i}`, 8, "3", rack)), job("wide", 30, "2"), job("batch", 20, "4"), ...Array.from({ length: 40 }, (_, i) => pod(`web-${i}`, `${100 + 10 * i}m`)));
  await until(page, () => [...document.querySelectorAll("#gang-list .state")].filter((state) => state.textContent === "Running").length === 6);
  await page.click("#gang-list a:has-text('train-2')");
  await until(page, () => document.querySelectorAll("#details tbody tr").length === 8);
  const nodes = await page.locator("#details tbody td:last-child a").allInnerTexts();
  const placed = kubectl(["get", "pods", "-l", "muster.dev/gang=train-2", "-o", "jsonpath={.items[*].spec.nodeName}"]).split(" ");
  assert.deepEqual(nodes.sort(), placed.sort());
  const racks = await page.locator("#details tbody td:last-child small").allInnerTexts();
  assert.equal(new Set(racks.map((text) => text.split(", ")[1])).size, 1, `one rack, not ${racks}`);
  assert.match(await reads(page, "#legend"), /has members of the gang/);
  // The room on the map is that of the scheduler.
  await page.click("#as-table");
  const row = await reads(page, `#table-view tr:has(a:text-is("${nodes[0]}"))`);
  assert.match(row, /zone-\d rack-\d [\d.]+ of 8 ready \d bound$/);
  await page.selectOption("#shade", "image");
  await page.fill("#image", "reg.example/train:v1");
  await page.keyboard.press("Tab");
  await page.locator("#table-view td", { hasText: /^(has|pulls) it$/ }).first().waitFor();
  await page.end();
  await pictures("busy", async (page) => {
    await page.click("#gang-list a:has-text('train-2')");
    await page.locator("#details table").waitFor();
  });
});

test("a stuck cluster: what waits says why", { timeout: 120_000 }, async () => {
  create(
    job("huge", 30, "7"), job("pair", 2, "9"),
    ...[0, 1].map((i) => pod(`lone-${i}`, "1", {}, { labels: { "muster.dev/gang": "lone" }, annotations: { "muster.dev/min-member": "4" } })),
    ...Array.from({ length: 30 }, (_, i) => pod(`big-${i}`, "20")),
    ...[0, 1, 2].map((i) => pod(`gated-${i}`, "1", { schedulingGates: [{ name: "example.com/quota" }] })),
  );
  const page = await open(browser, ui.answer[1]);
  await until(page, () => ["2 Waiting", "1 Gathering", "6 Running"].every((text) => document.querySelector("#gangs-summary").textContent.includes(text)));
  assert.deepEqual((await states(page)).slice(0, 3), ["Waiting", "Waiting", "Gathering"]);
  assert.match(await reads(page, "#gang-list li:has(a:text-is('huge'))"), /^huge Waiting 0 of 30 bound \d+ of 30 members fit; one more needs cpu 7, the nearest node has cpu [\d.m]+ free/);
  assert.match(await reads(page, "#gang-list li:has(a:text-is('lone'))"), /^lone Gathering 0 of 4 bound, 2 members there 2 of 4 members exist/);
  await until(page, () => document.querySelector('[data-place="Unschedulable"] .count').textContent >= "32");
  assert.match(await reads(page, `${column("Unschedulable")} .more`), /^and \d+ more$/);
  await page.fill("#find", "gated-"); // among the members of huge
  await page.locator(`${column("Gated")} a`, { hasText: "gated-0" }).waitFor();
  await page.fill("#find", "");
  await page.click("#gang-list a:has-text('huge')");
  await until(page, () => /Its way.*Waiting/.test(document.querySelector("#details").textContent));
  await page.end();
  await pictures("stuck", async (page) => {
    await page.click("#gang-list a:has-text('huge')");
    await page.locator("#details table").waitFor();
  });
  await pictures("plan", async (page) => {
    await page.click("#gang-list a:has-text('train-2')");
    await page.locator("#details table").waitFor();
  });
});

test("who may see one namespace sees that one", { timeout: 60_000 }, async () => {
  const secret = create(
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "reader", namespace: "team" } },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "reader", namespace: "team" }, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }] },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata: { name: "reader", namespace: "team" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" }, subjects: [{ kind: "ServiceAccount", name: "reader", namespace: "team" }] },
    pod("ours", "20", {}, { namespace: "team" }),
  ) && kubectl(["create", "token", "reader", "-n", "team"]);
  const config = JSON.parse(kubectl(["config", "view", "--raw", "-o", "json"]));
  config.users = [{ name: "reader", user: { token: secret } }];
  config.contexts = [{ name: "reader", context: { cluster: config.clusters[0].name, user: "reader", namespace: "team" } }];
  config["current-context"] = "reader";
  writeFileSync(`${files}/reader`, JSON.stringify(config), { mode: 0o600 });
  await assert.rejects(show(`${files}/reader`, "-A"), /pods is forbidden/);
  const own = await show(`${files}/reader`);
  const page = await open(browser, own.answer[1], { expected: ["Failed to load resource: the server responded with a status of 403"] });
  await page.locator("#nodes-refused:not([hidden])").waitFor();
  assert.match(await reads(page, "#nodes"), /is shown to those who may list nodes, and you may not: nodes is forbidden/);
  assert.equal(await reads(page, "#queue h2"), "Queue 1 pod waits");
  assert.match(await reads(page, column("Unschedulable")), /ours/);
  assert.equal(await page.locator("#gang-list li").count(), 0);
  await page.end();
  await own.stop();
});
