// What has changed, for those who hear the page: in few words, and not too often.

import { many } from "./quantity.js";

const pause = 5000; // milliseconds between two announcements

export class News {
  #tell;
  #counts = new Map();
  #lines = [];
  #states; // of gangs, as they were last
  #timer;

  constructor(tell) {
    this.#tell = tell;
  }

  // say announces a text at once.
  say(text) {
    this.#tell(text);
  }

  move({ pod, from }) {
    const what = from === undefined && pod.place !== "Bound" && pod.place !== "Gone" ? "came"
      : { Bound: "bound", Gone: "gone without a node", Unschedulable: "refused" }[pod.place];
    if (!what) return;
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    this.#soon();
  }

  gangs(list) {
    const states = new Map(list.map((gang) => [`${gang.namespace}/${gang.name}`, gang.state]));
    for (const [name, state] of states) {
      if (!this.#states || this.#states.get(name) === state) continue;
      this.#lines.push(`gang ${name}: ${state}`);
      this.#soon();
    }
    this.#states = states;
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      const pods = [...this.#counts].map(([what, n]) => `${many(n, "pod")} ${what}`);
      const gangs = this.#lines.length > 3 ? [`${this.#lines.length} gangs changed`] : this.#lines;
      this.#tell([...pods, ...gangs].join("; "));
      this.#counts.clear();
      this.#lines = [];
      this.#timer = undefined;
    }, pause);
  }
}
