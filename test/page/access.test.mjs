// The page for who has no mouse, does not see it, or sees few differences of colour.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, reads, serve, until } from "./browser.mjs";
import { cluster, Fake } from "./fake.mjs";

let browser, fake, served;
before(async () => {
  browser = await launch();
  fake = await new Fake().start();
  cluster(fake, 60, 40);
  served = await serve(fake);
});
after(async () => {
  await browser.close();
  await served.stop();
  fake.stop();
});

const focused = (page) => page.evaluate(() => {
  const on = document.activeElement;
  const style = getComputedStyle(on);
  const box = on.getBoundingClientRect();
  return {
    what: on.id || on.getAttribute("href") || on.tagName, part: on.closest("main > section")?.id ?? "top",
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
  };
});

test("everything can be done with the keys alone", async () => {
  const page = await open(browser, served.url, { reducedMotion: "reduce" });
  const tab = async (n = 1) => {
    for (let i = 0; i < n; i++) await page.keyboard.press("Tab");
    return focused(page);
  };
  // The first key leads past the many pods.
  assert.deepEqual(await tab(), { what: "#gangs", part: "top", marked: true, seen: true });
  await page.keyboard.press("Enter");
  assert.equal((await focused(page)).what, "gangs");
  const gang = await tab();
  assert.match(gang.what, /^#gang\/team-\d\/gang-\d$/);
  assert.ok(gang.marked && gang.seen);
  await page.keyboard.press("Enter");
  await page.locator("#details table").waitFor();
  assert.equal((await focused(page)).what, gang.what, "the focus stays where it was");
  assert.match(await reads(page, "#news"), /^Details of gang team-/);
  assert.equal(await page.locator(`#gang-list a[href="${gang.what}"]`).getAttribute("aria-current"), "true");
  await page.keyboard.press("Escape");
  await until(page, () => !document.querySelector("#details table"));

  // What is chosen by keys alone: what the map shows, and the table.
  await page.mouse.click(2, 2); // where the page begins
  await tab(2);
  await page.keyboard.press("Enter");
  assert.equal((await tab()).what, "shade");
  await page.keyboard.press("ArrowDown");
  await until(page, () => /memory in use/.test(document.querySelector("#map").getAttribute("aria-label")));
  assert.equal((await tab()).what, "by");
  assert.equal((await tab()).what, "as-table");
  await page.keyboard.press("Space");
  await page.locator("#table-view table").waitFor();
  const node = await tab();
  assert.match(node.what, /^#node\/node-\d+$/);
  await page.keyboard.press("Enter");
  await page.locator("#details dl").waitFor();

  // A whole round: each stop is seen and marked, and the parts come in their order.
  await page.mouse.click(2, 2); // where the page begins
  const parts = [];
  for (let i = 0; i < 400; i++) {
    const { what, part, marked, seen } = await tab();
    if (what === "BODY") break;
    assert.ok(marked && seen, `${what} of ${part} has the focus and does not show it`);
    if (parts.at(-1) !== part) parts.push(part);
  }
  assert.deepEqual(parts, ["top", "queue", "gangs", "nodes", "details"]);
  await page.end();
});

test("the focus stays with what has it, wherever that goes", async () => {
  const page = await open(browser, served.url, { reducedMotion: "reduce" });
  const { namespace, name } = fake.pods.find((pod) => pod.place === "Active");
  const href = `#pod/${namespace}/${name}`;
  await page.focus(`a[href="${href}"]`);
  fake.move({ namespace, name, place: "Backoff" });
  await page.locator(`.column[data-place="Backoff"] a[href="${href}"]`).waitFor();
  assert.equal((await focused(page)).what, href);
  fake.move({ namespace, name, place: "Bound" });
  await page.locator(`a[href="${href}"]`).waitFor({ state: "detached" });
  assert.equal((await focused(page)).what, "queue");
  await page.end();
});

test("everything that can be used has a name, and the parts have theirs", async () => {
  const page = await open(browser, served.url);
  await page.click("#gang-list a");
  await page.locator("#details table").waitFor();
  await page.selectOption("#shade", "image");
  const session = await page.context().newCDPSession(page);
  for (const table of [false, true]) {
    if (table) await page.click("#as-table");
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const used = nodes.filter((node) => !node.ignored);
    const usable = new Set(["link", "button", "textbox", "searchbox", "combobox", "listbox", "checkbox"]);
    const nameless = used.filter((node) => (usable.has(node.role.value) || ["image", "table", "region"].includes(node.role.value)) && !node.name?.value?.trim());
    assert.deepEqual(nameless.map((node) => node.role.value), []);
    const named = (role) => used.filter((node) => node.role.value === role).map((node) => node.name.value);
    assert.ok(named("link").length > 30 && named("combobox").length >= 3);
    assert.deepEqual(named("button").filter((name) => name === "Table"), ["Table"]);
    for (const heading of ["Queue", "Gangs", "Nodes", "Details"]) assert.ok(named("region").some((name) => name.startsWith(heading)), `no region ${heading}`);
    assert.equal(named("image").length, table ? 0 : 1);
    assert.ok(named("table").includes("Members"));
  }
  // Headings go down one level at a time.
  const levels = await page.locator("h1, h2, h3, h4").evaluateAll((all) => all.filter((h) => h.checkVisibility()).map((h) => Number(h.tagName[1])));
  levels.reduce((above, level) => {
    assert.ok(level <= above + 1, `h${level} after h${above}`);
    return level;
  }, 0);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.end();
});

for (const colorScheme of ["light", "dark"]) {
  test(`texts can be read: ${colorScheme}`, async () => {
    const page = await open(browser, served.url, { colorScheme });
    await page.click("#gang-list a");
    await page.locator("#details table").waitFor();
    const poor = await page.evaluate(() => {
      const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
      const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (element) => {
        const [r, g, b, a = 1] = channels(getComputedStyle(element).backgroundColor);
        return a > 0 || !element.parentElement ? [r, g, b] : ground(element.parentElement);
      };
      const poor = [];
      let texts = 0;
      for (const element of document.querySelectorAll("body *")) {
        if (!element.checkVisibility() || ![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
        texts++;
        const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) poor.push(`${element.textContent.slice(0, 30)}: ${contrast.toFixed(2)}`);
      }
      return texts < 50 ? [`only ${texts} texts`] : poor;
    });
    assert.deepEqual(poor, []);
    await page.end();
  });
}
