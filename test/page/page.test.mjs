// The page in a browser, in front of a made-up state.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, picture, reads, serve, until } from "./browser.mjs";
import { cluster, Fake } from "./fake.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const at = "2026-01-02T03:04:05.678901Z";
const pod = (name, place, more) => ({ namespace: "ml", name, place, since: at, came: at, priority: 0, attempts: 1, ...more });
const node = (name, zone, rack, cpu, more) => ({
  name, labels: { "topology.kubernetes.io/zone": zone, "example.com/rack": rack }, ready: true, room: { cpu: { has: "8", used: cpu }, memory: { has: "32Gi", used: "1536Mi" } },
  images: { count: 2, bytes: 3e9 }, ...more,
});

// small is a cluster that is small enough to be looked at as a whole.
function small(fake) {
  fake.pods = [pod("train-0", "Unschedulable", { gang: "train", refusedBy: ["GangPlan"], message: "gang ml/train: 2 of 3 members fit" }), pod("train-1", "Gated", { gang: "train" }), pod("web", "Active", { position: 1 })];
  fake.gangs = [
    { namespace: "ml", name: "old", source: "PodGroup", state: "Running", min: 1, members: 1, bound: 1, running: 1, pods: [{ name: "old-0", place: "Bound", node: "n3" }] },
    {
      namespace: "ml", name: "train", source: "Label", state: "Placing", min: 3, members: 3, bound: 1, reserved: 1, planned: 1, message: "gang ml/train: 2 of 3 members fit",
      contested: { pods: ["old-0"], others: 2 }, representative: "train-0",
      pods: [{ name: "train-0", role: "launcher", place: "Bound", node: "n1" }, { name: "train-1", place: "Active", planned: "n2" }, { name: "train-2", place: "Active" }],
      moves: [{ at, state: "Gathering", message: "2 of 3 members exist" }, { at, state: "Placing" }], earlierMoves: 4,
    },
  ];
  fake.nodes = [node("n1", "a", "r1", "8"), node("n2", "a", "r2", "4500m", { ready: false, kept: 1 }), node("n3", "b", "r3", "0", { unschedulable: true, held: { platform: "linux/amd64", bytesPerSecond: 1e8, images: [{ image: "reg.example/a:v1", bytes: 2e9, pods: 1 }], pulls: [{ images: ["reg.example/b:v1"], bytes: 4e9, arrived: 1e9 }] } })];
  fake.images = [{ image: "reg.example/a:v1", on: ["n3"], pulledOn: ["n1"] }, { image: "reg.example/b:v1", on: [], pulledOn: ["n3"] }];
  fake.next = 10;
}

// shown runs a test on the page of a namespace, or of all.
const shown = (name, { namespace, fill = small, refuses = {}, ...options }, run) => test(name, async () => {
  const fake = await new Fake().start();
  fill(fake);
  for (const [path, code] of Object.entries(refuses)) fake.refuses.set(path, code);
  const served = await serve(fake, namespace);
  const page = await open(browser, served.url, options);
  try {
    await run(page, fake);
    await page.end();
  } finally {
    await served.stop();
    fake.stop();
  }
});

const column = (place) => `.column[data-place="${place}"]`;

shown("it shows where pods are, and forgets the token", { namespace: "ml" }, async (page) => {
  assert.equal(new URL(page.url()).search, "");
  assert.equal(await reads(page, "#scope"), "namespace ml · made up");
  assert.equal(await reads(page, "#queue h2"), "Queue 3 pods wait");
  assert.equal(await reads(page, column("Unschedulable")), "Unschedulable 1 refused train-0 gang train, 1 try");
  assert.equal(await reads(page, column("Active")), "Active 1 wait for their turn web 1 try");
  assert.equal(await reads(page, column("Backoff")), "Backoff 0 wait a moment");
  await page.reload();
  await until(page, () => document.querySelector("#link").textContent === "Live");
});

shown("pods go from place to place as it happens", {}, async (page, fake) => {
  const lists = () => fake.asked.filter((path) => path === "pods").length;
  const before = lists();
  fake.move({ namespace: "ml", name: "web", place: "Scheduling", event: "Turn" });
  await page.locator(`${column("Scheduling")} a`, { hasText: "ml/web" }).waitFor();
  assert.equal(await page.locator(`${column("Active")} a`).count(), 0);
  assert.equal(lists(), before, "the list was read again to see a move");
  fake.move({ namespace: "other", name: "new", place: "Active" }, { namespace: "ml", name: "web", place: "Bound" });
  await page.locator(`${column("Active")} a`, { hasText: "other/new" }).waitFor();
  await until(page, () => document.querySelector('[data-place="Scheduling"] .count').textContent === "0");
  // However much moves, the list is read now and then.
  for (let i = 0; i < 60; i++) {
    fake.move({ namespace: "ml", name: `many-${i}`, place: "Backoff" });
    await page.waitForTimeout(10);
  }
  await until(page, () => document.querySelector('[data-place="Backoff"] .count').textContent === "60");
  assert.equal(await reads(page, `${column("Backoff")} .more`), "and 35 more");
  assert.ok(lists() - before <= 2, `the list was read ${lists() - before} times`);
  // The announcement comes when there was time for more.
  await until(page, () => /61 pods came/.test(document.querySelector("#news").textContent));
});

shown("moves that break off are taken up again", { expected: ["Failed to load resource"] }, async (page, fake) => {
  fake.interrupt();
  fake.move({ namespace: "ml", name: "web", place: "Backoff" }); // nobody hears it
  await page.locator(`${column("Backoff")} a`, { hasText: "ml/web" }).waitFor();
  for (const path of ["pods", "gangs", "nodes", "moves"]) fake.refuses.set(path, 503);
  fake.interrupt();
  await until(page, () => document.querySelector("#link").textContent === "Not live");
  assert.match(await reads(page, "#alert"), /^What is shown is old: /);
  fake.refuses.clear();
  await until(page, () => document.querySelector("#link").textContent === "Live");
  assert.equal(await page.locator("#alert").isVisible(), false);
  fake.move({ namespace: "ml", name: "web", place: "Active" });
  await page.locator(`${column("Active")} a`, { hasText: "ml/web" }).waitFor();
});

shown("a page that nobody sees asks for nothing", {}, async (page, fake) => {
  const see = (state) => page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  await see("hidden");
  const before = fake.asked.length;
  fake.move({ namespace: "ml", name: "web", place: "Backoff" });
  await page.waitForTimeout(4000); // longer than a list is waited for after a move
  assert.equal(fake.asked.length, before);
  await see("visible");
  await page.locator(`${column("Backoff")} a`, { hasText: "ml/web" }).waitFor();
});

shown("gangs: who waits comes first, and its plan is drawn", { namespace: "ml" }, async (page) => {
  assert.equal(await reads(page, "#gangs h2"), "Gangs 1 Placing, 1 Running");
  assert.equal(await reads(page, "#gang-list li:first-child"), "train Placing 1 of 3 bound, 1 reserved, 1 planned 2 of 3 members fit");
  await page.click("#gang-list li:first-child a");
  await page.locator("#details table").waitFor();
  const details = await reads(page, "#details");
  assert.match(details, /gang ml\/train close Placing 1 of 3 bound, 1 reserved, 1 planned 2 of 3 members fit/);
  assert.match(details, /Its room is held by old-0; 2 pods of other namespaces/);
  assert.match(details, /train-0 launcher Bound n1 a, r1 train-1 Active n2 \(planned\) a, r2 train-2 Active/);
  assert.match(details, /Its way after 4 earlier ones \d\d:04:05 Gathering 2 of 3 members exist \d\d:04:05 Placing/);
  assert.match(await reads(page, "#legend"), /has members of the gang is planned for some/);
  await page.click("#as-table");
  assert.deepEqual(await page.locator("#table-view tbody tr").allInnerTexts().then((rows) => rows.map((row) => row.replace(/\s+/g, " ").trim())), [
    "n1 a r1 8 of 8 ready 1 bound",
    "n2 a r2 4.5 of 8 not ready, room kept for 1 member 1 planned",
    "n3 b r3 0 of 8 ready, closed to new pods",
  ]);
  await page.keyboard.press("Escape");
  await until(page, () => !document.querySelector("#details table"));
  assert.equal(await page.locator("#table-view thead th").count(), 5);
});

shown("nodes: by what they have, and who has an image", { namespace: "ml" }, async (page) => {
  assert.equal(await reads(page, "#nodes h2"), "Nodes 3 nodes, 1 not ready, 1 closed");
  assert.equal(await page.locator("#map").getAttribute("aria-label"), "Map of 3 nodes by zone and rack: cpu in use. The button Table shows the same as a table.");
  const cells = () => page.evaluate(() => document.querySelector("#map").toDataURL());
  const before = await cells();
  await page.mouse.move(0, 0);
  const box = await page.locator("#map").boundingBox();
  await page.mouse.move(box.x + 10, box.y + 50);
  assert.equal(await reads(page, "#hover"), "n1 · a, r1 · cpu in use: 8 of 8 · ready");
  await page.selectOption("#shade", "room memory");
  await until(page, () => /memory/.test(document.querySelector("#map").getAttribute("aria-label")));
  assert.notEqual(await cells(), before, "another resource is drawn alike");
  await page.selectOption("#shade", "image");
  await until(page, () => document.querySelector("#image").value === "reg.example/a:v1");
  await page.click("#as-table");
  const rows = () => page.locator("#table-view tbody tr").allInnerTexts().then((rows) => rows.map((row) => row.replace(/\s+/g, " ").trim()));
  await page.locator("#table-view td", { hasText: "pulls it" }).waitFor();
  assert.deepEqual(await rows(), ["n3 b r3 has it ready, closed to new pods", "n1 a r1 pulls it ready", "n2 a r2 does not have it not ready, room kept for 1 member"]);
  await page.fill("#image", "reg.example/b:v1");
  await page.keyboard.press("Tab");
  await page.locator("#table-view tr", { hasText: "n3 b r3 pulls it" }).or(page.locator("#table-view tr:first-child td:nth-child(4)", { hasText: "pulls it" })).first().waitFor();
  await page.selectOption("#by", "");
  assert.deepEqual(await page.locator("#table-view thead th").allInnerTexts(), ["Node", "who has an image", "State"]);
  await page.click("#table-view a:has-text('n3')");
  await page.locator("#details .images").waitFor();
  assert.match(await reads(page, "#details"), /node n3 close Platform linux\/amd64 Pulls at 100 MB\/s when nothing is in the way Pulls reg\.example\/b:v1: 1 GB of 4 GB 1 image reg\.example\/a:v1 2 GB, 1 pod/);
});

shown("a pod: why it waits, and its way", { namespace: "ml", expected: ["Failed to load resource: the server responded with a status of 404"] }, async (page, fake) => {
  Object.assign(fake.pods[0], { backoffUntil: at, earlierMoves: 1, moves: [{ at, place: "Active", event: "NodeAdd", object: "Node n1" }, { at, place: "Unschedulable", event: "ScheduleAttemptFailure", refusedBy: ["GangPlan", "NodeAffinity"] }] });
  await page.click("a:has-text('train-0')");
  await page.locator("#details dl").waitFor();
  assert.match(await reads(page, "#details"), /pod ml\/train-0 close gang ml\/train: 2 of 3 members fit Place Unschedulable, since \d\d:04:05, \d+ d ago Gang train .*Refused by GangPlan Its way after 1 earlier one \d\d:04:05 Active NodeAdd \(Node n1\) \d\d:04:05 Unschedulable ScheduleAttemptFailure refused by GangPlan, NodeAffinity$/);
  await page.click("#details a:has-text('train')");
  await page.locator("#details table").waitFor();
  await page.goBack();
  await page.locator("#details .way").waitFor();
  await page.goto(page.url().replace("train-0", "nobody"));
  await until(page, () => /Nothing is known of it any more/.test(document.querySelector("#details").textContent));
});

shown("who may not list nodes sees the rest, and why", { namespace: "ml", refuses: { nodes: 403, images: 403 }, expected: ["Failed to load resource: the server responded with a status of 403"] }, async (page) => {
  await page.locator("#nodes-refused:not([hidden])").waitFor();
  assert.equal(await reads(page, "#nodes"), "Nodes Where there is room and where images are is shown to those who may list nodes, and you may not: nodes: refused by the test");
  assert.equal(await page.locator("#gang-list li").count(), 2);
  assert.equal(await page.locator("#alert").isVisible(), false);
});

shown("what somebody else wrote stays text", { fill: hostile }, async (page) => {
  await page.click("#gang-list a");
  await page.locator("#details table").waitFor();
  await page.selectOption("#shade", "image");
  await until(page, () => document.querySelector("#image").value !== "");
  await page.click("#as-table");
  await page.locator("#table-view a").first().click();
  await page.locator("#details .images").waitFor();
  await page.locator("#columns a").first().click();
  await page.locator("#details dl").waitFor();
  assert.match(await reads(page, "#details .verdict"), /<img src=x onerror=alert\(1\)>/);
  assert.equal(await page.locator("img, iframe, script:not([src='main.js']), [onerror], [onload]").count(), 0);
  assert.deepEqual(await page.locator("a").evaluateAll((all) => all.map((a) => a.getAttribute("href")).filter((href) => !href.startsWith("#"))), []);
  // A text of a thousand letters without a space stays in its part.
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
});

function hostile(fake) {
  const odd = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'`${alert(3)}&amp;';
  const long = odd + "x".repeat(1000);
  fake.pods = [pod("javascript:alert(4)", "Active", { gang: odd, message: long, refusedBy: [odd], moves: [{ at, place: "Active", event: odd, object: odd }] })];
  fake.gangs = [{ namespace: "ml", name: "#" + odd, source: odd, state: odd, min: 1, members: 1, bound: 0, message: long, outlook: odd, representative: odd, pods: [{ name: odd, role: odd, place: odd, node: odd }], moves: [{ at, state: odd, message: odd }] }];
  fake.nodes = [node(odd, odd, long, odd, { held: { platform: odd, images: [{ image: long }], pulls: [{ images: [odd], bytes: 1, arrived: 0 }] } })];
  fake.images = [{ image: odd, on: [odd] }];
}

shown("it moves nothing for who does not want that", { reducedMotion: "reduce" }, async (page, fake) => {
  fake.move({ namespace: "ml", name: "web", place: "Backoff" });
  await page.locator(`${column("Backoff")} a`, { hasText: "ml/web" }).waitFor();
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

shown("and shows the way to others", {}, async (page, fake) => {
  await page.evaluate(() => {
    window.flown = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) if (node.className === "likeness") window.flown.push(node.textContent);
    }).observe(document.body, { childList: true });
  });
  fake.move({ namespace: "ml", name: "web", place: "Backoff" });
  await until(page, () => window.flown.includes("ml/web"));
  await until(page, () => !document.querySelector(".likeness"));
});

shown("what is looked for is found among many", { fill: (fake) => cluster(fake, 100, 1000) }, async (page) => {
  await page.fill("#find", "gang-77");
  await until(page, () => document.querySelectorAll("#gang-list li").length === 1);
  assert.equal(await reads(page, `${column("Gated")} .count`), "3 of 375");
  assert.match(await reads(page, "#gang-list"), /gang-77/);
});

for (const size of [[1280, 800], [1024, 700], [400, 800]]) {
  shown(`it fits a window of ${size.join(" x ")}`, { fill: (fake) => cluster(fake, 300, 1000), viewport: { width: size[0], height: size[1] } }, async (page) => {
    await page.click("#gang-list a");
    await page.locator("#details table").waitFor();
    const over = await page.evaluate(() => [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]);
    assert.ok(over[0] <= 0, `${over[0]} pixels too wide`);
    if (size[0] === 1280) assert.ok(over[1] <= 0, `${over[1]} pixels too high for a laptop`);
    await picture(page, `made-up-${size[0]}`);
  });
}
