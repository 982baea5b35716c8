// Where every pod is: lists say it from time to time, and moves in between. No element of
// the page is known here.

export const places = ["Gated", "Active", "Scheduling", "Unschedulable", "Backoff"];

export const keyOf = (pod) => `${pod.namespace}/${pod.name}`;

export class Places {
  #since = []; // steps that came while a list was read
  #where = new Map(); // the pod of each key

  constructor() {
    this.next = 0; // the number of the next step that is news
    this.unknown = 0;
    this.#empty();
  }

  #empty() {
    this.#where.clear();
    this.columns = new Map(places.map((place) => [place, new Map()]));
  }

  get size() {
    return this.#where.size;
  }

  pod(key) {
    return this.#where.get(key);
  }

  // reading says that a list is about to be read: what comes from now on may be missing in it.
  reading() {
    this.#since = [];
  }

  // list takes a list that was read, and after it the steps that it does not know of.
  list(list) {
    this.#empty();
    this.next = list.next;
    this.unknown = list.unknown ?? 0;
    for (const pod of list.items) this.#put(pod);
    for (const step of this.#since) this.step(step, false);
    this.#since = [];
  }

  // step takes a move; it returns what moved whence, or undefined if that is no news.
  step(step, keep = true) {
    if (keep) this.#since.push(step);
    if (!(step.number >= this.next)) return undefined;
    this.next = step.number + 1;
    const key = keyOf(step);
    const was = this.#where.get(key);
    if (was) this.columns.get(was.place)?.delete(key);
    const pod = { ...was, namespace: step.namespace, name: step.name, place: step.place, since: step.at, position: undefined };
    if (places.includes(step.place)) this.#put(pod);
    else this.#where.delete(key);
    return { key, pod, from: was?.place };
  }

  #put(pod) {
    const key = keyOf(pod);
    this.#where.set(key, pod);
    this.columns.get(pod.place)?.set(key, pod);
  }
}
