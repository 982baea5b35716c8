// Making and keeping elements. Names and messages come from whoever may create a pod: they
// become text, and never markup.

// el makes an element: with attributes, of which false and undefined ones are left out, and
// with children, of which strings become text.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

// say writes a text where another one is; what has not changed is left alone, for the
// browser and for who listens.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// mark sets or takes an attribute, if that changes anything.
export function mark(element, name, value) {
  if (value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// arrange has a parent hold these elements in this order, and touches no other that is in its place.
export function arrange(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const element of elements) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
}

// keepFocus keeps the focus on what has it while it is drawn anew: on the link to the same
// thing if there still is one in the same part, and else on the part.
export function keepFocus(part, draw) {
  const had = document.activeElement;
  const inside = had !== part && part.contains(had);
  const href = had?.getAttribute("href");
  draw();
  if (!inside || part.contains(document.activeElement)) return;
  const same = part.contains(had) ? had : href && [...part.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === href);
  (same || part).focus({ preventScroll: true });
}

// link is where the details of something are.
export const link = (kind, ...names) => "#" + [kind, ...names.map(encodeURIComponent)].join("/");

// linked is what a link leads to, or undefined.
export function linked(hash) {
  const [kind, ...names] = hash.replace(/^#/, "").split("/");
  if (names.length !== { pod: 2, gang: 2, node: 1 }[kind]) return undefined;
  try {
    return { kind, names: names.map(decodeURIComponent) };
  } catch {
    return undefined; // no text is spelt that way
  }
}
