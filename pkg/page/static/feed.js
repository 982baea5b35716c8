// Reading what the scheduler says: lists, again and again but not too often, and moves as they happen.

const prefix = "state/v1alpha1/";

// The token is kept for this page alone, over reloads: not in the address, where it is seen and copied, and not
// in a cookie, which is sent to every port of the machine.
const token = new URLSearchParams(location.search).get("token");
if (token) sessionStorage.setItem("token", token);
history.replaceState(null, "", "/" + location.hash);

// ask asks who serves the page.
export const ask = (path, signal) => fetch(path, { signal, headers: { Authorization: `Bearer ${sessionStorage.getItem("token") ?? ""}` } });

// Refusal is an answer that is none; code is 0 if nobody answered.
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function open(path, signal) {
  let response;
  try {
    response = await ask(prefix + path, signal);
  } catch (error) {
    throw signal.aborted && !(signal.reason instanceof DOMException && signal.reason.name === "TimeoutError")
      ? error : new Refusal(0, "kubectl muster ui does not answer: is it still running?");
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).message ?? text;
  } catch {
    // it is the message itself
  }
  throw new Refusal(response.status, message.trim() || `the answer is ${response.status}`);
}

// Feed is one object, which is read again when it may have changed: no sooner after the
// last time than `least` milliseconds and ten times what that took, so that little of the
// time is spent on it; and every `most` milliseconds.
export class Feed {
  #stop; // what aborts the reading, while there is any
  #timer;
  #due = false; // it may have changed since the last reading began
  #ended = -Infinity;
  #took = 0;

  constructor({ path, least, most = 30_000, before = () => {}, take, fail }) {
    Object.assign(this, { path, least, most, before, take, fail });
  }

  start() {
    this.stop();
    this.#stop = new AbortController();
    this.#read(this.#stop.signal);
  }

  stop() {
    this.#stop?.abort();
    this.#stop = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  changed() {
    if (!this.#stop || this.#due) return;
    this.#due = true;
    if (this.#timer !== undefined) this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    const pause = this.#due ? Math.max(this.least, 10 * this.#took) : this.most;
    const { signal } = this.#stop;
    this.#timer = setTimeout(() => this.#read(signal), Math.max(0, this.#ended + pause - performance.now()));
  }

  async #read(signal) {
    this.#timer = undefined;
    this.#due = false;
    const began = performance.now();
    let object, refusal;
    this.before();
    try {
      const response = await open(this.path, AbortSignal.any([signal, AbortSignal.timeout(30_000)]));
      object = await response.json();
    } catch (error) {
      refusal = error instanceof Refusal ? error : new Refusal(0, `the answer broke off: ${error.message}`);
    }
    if (signal.aborted) return;
    this.#ended = performance.now();
    this.#took = this.#ended - began;
    if (refusal) this.#due ||= refusal.code !== 403 && refusal.code !== 404;
    if (refusal) this.fail(refusal);
    else this.take(object);
    if (this.#stop?.signal === signal) this.#wait();
  }
}

// follow hands on moves as they come, many at a time, until the scheduler ends the answer.
export async function follow(path, from, signal, take) {
  const response = await open(`${path}?watch=true&from=${from}`, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (lines.length > 0) take(lines.filter(Boolean).map((line) => JSON.parse(line)));
  }
}
