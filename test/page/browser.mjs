// A browser, and pages in it. What a page complains of fails the test that opened it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

export const root = new URL("../../", import.meta.url).pathname;
const pictures = `${root}.cache/page/`;
mkdirSync(pictures, { recursive: true });

export function launch() {
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // which root cannot have
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

// command starts a program of ours, and returns what it says that it is ready with.
export async function command(name, args, ready, options = {}) {
  const child = spawn(`${root}bin/${name}`, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let said = "";
  const answer = await new Promise((resolve, reject) => {
    child.stderr.on("data", (data) => { said += data; });
    child.stdout.on("data", (data) => {
      said += data;
      const found = ready.exec(said);
      if (found) resolve(found);
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${name} ended with ${code}: ${said}`)));
  });
  const stop = () => new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on("exit", resolve);
    return child.kill("SIGINT");
  });
  return { answer, stop };
}

// serve shows the page in front of a made-up state.
export async function serve(fake, namespace) {
  const { answer, stop } = await command("serve", [fake.url, ...(namespace ? [namespace] : [])], /^(http\S+)$/m);
  return { url: answer[1], stop };
}

// open opens the page and waits until it is live; complaints that are expected are given by how they begin.
export async function open(browser, url, { expected = [], live = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  const complain = (text) => expected.some((start) => text.startsWith(start)) || complaints.push(text);
  page.on("console", (message) => message.type() !== "log" && complain(message.text()));
  page.on("pageerror", (error) => complain(error.message));
  page.on("dialog", (dialog) => {
    complain(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url);
  if (live) await until(page, () => document.querySelector("#link").textContent === "Live");
  page.end = async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  };
  return page;
}

// until waits until something is true in the page.
export const until = (page, what, argument) => page.waitForFunction(what, argument, { timeout: 30_000, polling: "raf" });

// reads is what is in a page for who reads it, with single spaces.
export const reads = async (page, selector) => (await page.locator(selector).innerText()).replace(/\s+/g, " ").trim();

// picture keeps what a page looks like, for people.
export const picture = (page, name) => page.screenshot({ path: `${pictures}${name}.png`, animations: "disabled" });
