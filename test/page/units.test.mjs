// What of the page knows no browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// The files are modules by the page's word, which Node.js does not hear.
const page = (name) => import(`data:text/javascript,${encodeURIComponent(readFileSync(new URL(`../../pkg/page/static/${name}.js`, import.meta.url)))}`);
const { link, linked } = await page("dom");
const { amount, bytes, lasting, many, quantity } = await page("quantity");
const { Places } = await page("places");
const { at, lay } = await page("map");

test("quantities are read and written", () => {
  for (const [text, want] of [["12500m", 12.5], ["64Gi", 64 * 2 ** 30], ["8", 8], ["1e3", 1000], ["1.5k", 1500], ["0", 0], ["2E", 2e18], ["500m", 0.5], ["-1", -1]]) assert.equal(quantity(text), want, text);
  for (const text of ["", "x", "1x", undefined, "<b>"]) assert.ok(Number.isNaN(quantity(text)), text);
  for (const [resource, text, want] of [["cpu", "12500m", "12.5"], ["cpu", "1234", "1,234"], ["memory", "64Gi", "64 GiB"], ["memory", "1536Mi", "1.5 GiB"], ["memory", "100", "100 B"], ["nvidia.com/gpu", "8", "8"], ["cpu", "odd", "odd"]]) assert.equal(amount(resource, text), want);
  assert.deepEqual([0, 999, 1234, 5e9, 2.5e12].map(bytes), ["0 B", "999 B", "1.23 kB", "5 GB", "2.5 TB"]);
  assert.deepEqual([-5, 119e3, 120e3, 7200e3, 172800e3].map(lasting), ["0 s", "119 s", "2 min", "2 h", "2 d"]);
  assert.deepEqual([many(1, "pod"), many(0, "pod"), many(2000, "try", "tries")], ["1 pod", "0 pods", "2,000 tries"]);
});

test("links lead back to what they are for, whatever that is called", () => {
  for (const names of [["pod", "ml", "train-0"], ["gang", "a/b", "#<c>%"], ["node", "n 1"]]) assert.deepEqual(linked(link(...names)), { kind: names[0], names: names.slice(1) });
  for (const hash of ["", "#", "#gangs", "#pod/a", "#node/a/b", "#toString/a", "#node/%zz"]) assert.equal(linked(hash), undefined, hash);
});

const pod = (name, place) => ({ namespace: "ml", name, place });
const step = (number, name, place) => ({ number, at: "t", ...pod(name, place) });
const names = (queue, place) => [...queue.columns.get(place).values()].map((pod) => pod.name);

test("places: moves between lists", () => {
  const queue = new Places();
  queue.reading();
  queue.list({ items: [pod("a", "Active"), pod("b", "Active"), pod("c", "Gated")], next: 5 });
  assert.equal(queue.step(step(4, "a", "Backoff")), undefined, "the list knows it");
  assert.deepEqual(queue.step(step(5, "a", "Scheduling")).from, "Active");
  assert.equal(queue.step(step(6, "d", "Active")).from, undefined);
  queue.step(step(7, "a", "Bound"));
  queue.step(step(8, "nobody", "Gone"));
  assert.deepEqual([names(queue, "Active"), names(queue, "Scheduling"), queue.size, queue.next], [["b", "d"], [], 3, 9]);
});

test("places: moves that come while a list is read are not lost", () => {
  const queue = new Places();
  queue.list({ items: [pod("a", "Active")], next: 5 });
  queue.reading(); // the answer is made at 6, after b came and before it moved
  queue.step(step(5, "b", "Active"));
  queue.step(step(6, "b", "Backoff"));
  queue.step(step(7, "a", "Bound"));
  queue.list({ items: [pod("a", "Active"), pod("b", "Active")], next: 6, unknown: 2 });
  assert.deepEqual([names(queue, "Active"), names(queue, "Backoff"), queue.next, queue.unknown], [[], ["b"], 8, 2]);
});

test("the map has every node once, and nowhere two", () => {
  const nodes = Array.from({ length: 1000 }, (_, i) => i);
  const racks = (from, to) => Array.from({ length: to - from }, (_, i) => ({ name: `rack-${from + i}`, nodes: nodes.filter((n) => n % 25 === from + i) }));
  for (const outer of [[{ name: "a", inner: racks(0, 12) }, { name: "b", inner: racks(12, 25) }], [{ name: undefined, inner: [{ name: undefined, nodes }] }]]) {
    const plan = lay(outer, 470, 400);
    assert.deepEqual(plan.cells.map((cell) => cell.node).sort((a, b) => a - b), nodes);
    for (const { node, x, y } of plan.cells) {
      assert.equal(at(plan, x + plan.size / 2, y + plan.size / 2).node, node);
      assert.ok(x >= 0 && x + plan.size <= 470 && y + plan.size <= plan.height);
    }
  }
  assert.equal(at(lay([], 470, 400), 1, 1), undefined);
});
