// Quantities and times, as people read them.

const suffixes = {
  n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

// quantity is the number that a quantity of Kubernetes stands for; NaN for what is none.
export function quantity(text) {
  const [, number, suffix] = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(text ?? "") ?? [];
  return suffix in suffixes ? Number(number) * suffixes[suffix] : NaN;
}

// digits writes a number with three digits at most before it is rounded to whole ones.
const digits = (n) => (n >= 100 ? Math.round(n) : Number(n.toPrecision(3))).toLocaleString("en");

// amount writes so much of a resource: memory and disks by powers of two.
export function amount(resource, text) {
  const n = quantity(text);
  if (Number.isNaN(n)) return text ?? "";
  if (!/^(memory|ephemeral-storage|hugepages-.*)$/.test(resource)) return digits(n);
  for (const unit of ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"]) {
    if (n >= suffixes[unit]) return `${digits(n / suffixes[unit])} ${unit}B`;
  }
  return `${digits(n)} B`;
}

// bytes writes a size as registries do, by powers of ten.
export function bytes(n) {
  for (const [unit, size] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (n >= size) return `${digits(n / size)} ${unit}`;
  }
  return `${n} B`;
}

// lasting writes a number of milliseconds roughly.
export function lasting(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

// clock writes a time of day.
export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

// many writes a count of things.
export const many = (n, one, more = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
