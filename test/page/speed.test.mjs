// How long the page keeps its reader waiting, with 1,000 nodes and 5,000 pods that are made
// up. What a task takes is the time that the main thread had a processor: that does not
// depend on what else the machine does. What passed on the clock is reported beside it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { launch, open, picture, serve, until } from "./browser.mjs";
import { cluster, Fake } from "./fake.mjs";

const limits = { paint: 1000, task: 100 }; // milliseconds
const tries = 10; // to see the first paint while nobody else takes the processor away

// tasks is what the main thread of a traced page did, in milliseconds: by its own time, and by the clock.
function tasks(trace) {
  const { traceEvents: events } = JSON.parse(trace.toString());
  const mains = new Set(events.filter((event) => event.name === "thread_name" && event.args.name === "CrRendererMain").map((event) => `${event.pid} ${event.tid}`));
  const all = events.filter((event) => event.ph === "X" && event.name === "ThreadControllerImpl::RunTask" && mains.has(`${event.pid} ${event.tid}`) && event.tdur !== undefined);
  assert.ok(all.length > 100, `only ${all.length} tasks were traced`);
  const of = (field) => all.map((event) => event[field] / 1000);
  const sum = (field) => of(field).reduce((sum, t) => sum + t, 0);
  return { longest: Math.max(...of("tdur")), clock: Math.max(...of("dur")), total: sum("tdur"), count: all.length, alone: sum("dur") < 1.5 * sum("tdur") };
}

const say = (t, what, { longest, clock, total, count }) => t.diagnostic(`${what}: ${count} tasks, ${total.toFixed(0)} ms in all; the longest ${longest.toFixed(1)} ms (${clock.toFixed(1)} ms on the clock)`);

test("1,000 nodes and 5,000 pods", { timeout: 400_000 }, async (t) => {
  const fake = await new Fake().start();
  cluster(fake, 1000, 5000);
  const served = await serve(fake);
  const browser = await launch();
  const traced = async (page, run) => {
    await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] });
    await run();
    return tasks(await browser.stopTracing());
  };
  try {
    // The first paint is a matter of the clock, which says little of the page while others have the processors.
    let page, start, first = Infinity;
    const paints = []; // while the page had the processor
    const totals = [];
    for (let i = 0; i < tries && (first >= limits.paint || i === 0); i++) {
      await page?.end();
      page = await open(browser, "about:blank", { live: false });
      start = await traced(page, async () => {
        await page.goto(served.url);
        await until(page, () => document.querySelector("#link").textContent === "Live" && /1,000/.test(document.querySelector("#nodes-summary").textContent) && /5,000/.test(document.querySelector("#queue-summary").textContent));
      });
      const [paint, complete] = await page.evaluate(() => [
        performance.getEntriesByName("first-contentful-paint")[0].startTime,
        Math.max(...performance.getEntriesByType("measure").map((draw) => draw.startTime + draw.duration)),
      ]);
      first = paint;
      t.diagnostic(`first paint after ${first.toFixed(0)} ms, everything drawn after ${complete.toFixed(0)} ms, on the clock${start.alone ? "" : ", of which others had more than a third"}`);
      say(t, "opening", start);
      totals.push(start.total);
      if (start.alone) paints.push(first);
    }
    assert.ok(Math.min(...totals) < limits.paint, `to draw everything took ${Math.min(...totals).toFixed(0)} ms of the main thread`);
    assert.ok(paints.length === 0 || Math.min(...paints) < limits.paint, `the first paint took ${Math.min(...paints).toFixed(0)} ms`);

    // 300 moves a second for ten seconds: lists are read again meanwhile, and everything is drawn.
    await page.click("#gang-list a");
    await page.locator("#details table").waitFor();
    const lists = () => fake.asked.filter((path) => path === "pods" || path === "nodes").length;
    const before = lists();
    const busy = await traced(page, async () => {
      for (let tick = 0; tick < 200; tick++) {
        const moves = Array.from({ length: 15 }, (_, i) => {
          const { namespace, name } = fake.pods[(tick * 31 + i * 211) % fake.pods.length];
          return { namespace, name, place: ["Active", "Scheduling", "Unschedulable", "Backoff", "Gated"][(tick + i) % 5] };
        });
        fake.move(...moves);
        await page.waitForTimeout(50);
      }
    });
    say(t, "3,000 moves", busy);
    assert.ok(lists() - before >= 3, "no list was read meanwhile");

    // What the user does.
    const used = await traced(page, async () => {
      for (const letters of ["t", "te", "tea", "team-3", "team-3/pod-4"]) await page.fill("#find", letters);
      await page.fill("#find", "");
      await page.selectOption("#shade", "room memory");
      await page.selectOption("#shade", "image");
      await until(page, () => document.querySelector("#image").value !== "");
      await page.selectOption("#by", "");
      await page.click("#as-table");
      await page.locator("#table-view table").waitFor();
      await page.click("#as-table");
      await page.click("#columns a");
      await page.locator("#details dl").waitFor();
      await page.waitForTimeout(500);
    });
    say(t, "using it", used);
    await picture(page, "made-up-1000-nodes");
    await page.end();

    for (const [what, { longest }] of Object.entries({ start, busy, used })) assert.ok(longest < limits.task, `${what}: the longest task took ${longest.toFixed(1)} ms`);
  } finally {
    await browser.close();
    await served.stop();
    fake.stop();
  }
});
