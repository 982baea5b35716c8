// Drawing nodes as cells. A cell is full as far as what is shown is used, so it can be read
// without its colour; marks and rings tell the rest.

const [smallest, largest] = [7, 34]; // sides of a cell
const gap = 2;

// lay places the cells of nodes, which come as domains in domains, in a given width: as
// large as they can be without being higher than the given height, if that is possible.
export function lay(outer, width, height) {
  let size = largest;
  while (size > smallest && layAt(outer, width, size, false).height > height) size--;
  return layAt(outer, width, size, true);
}

// layAt does so in one size, or only says how high that is.
function layAt(outer, width, size, all) {
  const pitch = size + gap;
  const most = Math.max(1, Math.floor(width / pitch)); // cells in a row
  const cells = [];
  const labels = [];
  let y = 0;
  for (const { name, inner } of outer) {
    if (name !== undefined) {
      labels.push({ x: 0, y, width, text: name, wide: true });
      y += 20;
    }
    let x = 0;
    let tall = 0;
    for (const domain of inner) {
      const head = domain.name === undefined ? 0 : 15;
      const columns = head ? Math.min(most, Math.max(1, Math.ceil(Math.sqrt(2 * domain.nodes.length)))) : most;
      const w = Math.max(columns * pitch, head ? 46 : 0);
      if (x > 0 && x + w > width) {
        x = 0;
        y += tall + 6;
        tall = 0;
      }
      if (head) labels.push({ x, y, width: w, text: domain.name });
      for (let i = 0; all && i < domain.nodes.length; i++) {
        cells.push({ node: domain.nodes[i], x: x + (i % columns) * pitch, y: y + head + Math.floor(i / columns) * pitch });
      }
      tall = Math.max(tall, head + Math.ceil(domain.nodes.length / columns) * pitch);
      x += w + 8;
    }
    y += tall + 10;
  }
  return { size, cells, labels, height: y };
}

// at is the cell at a point, or undefined.
export const at = (plan, x, y) => plan.cells.find((cell) => x >= cell.x && x < cell.x + plan.size && y >= cell.y && y < cell.y + plan.size);

// colours are those of the theme.
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { text: of("text"), quiet: of("quiet"), line: of("cell-line"), empty: of("cell"), bad: of("bad"), ring: of("ring"), heat: [0, 1, 2, 3, 4].map((i) => of(`heat-${i}`)) };
}

// canvasOf makes a canvas so large, with as many points as the screen has for that.
export function canvasOf(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const to = canvas.getContext("2d");
  to.setTransform(ratio, 0, 0, ratio, 0, 0);
  to.clearRect(0, 0, width, height);
  return to;
}

// draw draws what was laid. What a cell looks like is asked by node: see cell.
export function draw(to, plan, look, colours) {
  to.textBaseline = "top";
  for (const label of plan.labels) {
    to.font = label.wide ? "600 12px system-ui, sans-serif" : "11px system-ui, sans-serif";
    to.fillStyle = label.wide ? colours.text : colours.quiet;
    to.fillText(fitted(to, label.text, label.width), label.x, label.y + 2);
  }
  for (const { node, x, y } of plan.cells) cell(to, x, y, plan.size, look(node), colours);
}

function fitted(to, text, width) {
  if (to.measureText(text).width <= width) return text;
  let [short, long] = [0, text.length];
  while (short < long) {
    const middle = Math.ceil((short + long) / 2);
    if (to.measureText(`${text.slice(0, middle)}…`).width <= width) short = middle;
    else long = middle - 1;
  }
  return `${text.slice(0, short)}…`;
}

// cell draws one node. share is how full it is, from 0 to 1, or undefined if there is
// nothing that it could be full of; mark is "lost" or "closed"; ring is "bound" or "planned".
export function cell(to, x, y, size, { share, mark, ring, dim }, colours) {
  to.globalAlpha = dim ? 0.3 : 1;
  to.lineWidth = 1;
  to.strokeStyle = colours.line;
  if (share === undefined) {
    to.setLineDash([1, 2]);
  } else {
    to.fillStyle = colours.empty;
    to.fillRect(x, y, size, size);
    const full = Math.min(1, Math.max(0, share));
    const height = full === 0 ? 0 : Math.max(1, Math.round(full * size));
    to.fillStyle = colours.heat[Math.min(4, Math.floor(full * 5))];
    to.fillRect(x, y + size - height, size, height);
    to.fillStyle = colours.heat[4]; // an edge that stands out from whatever is above it
    if (height > 0) to.fillRect(x, y + size - height, size, 1);
  }
  to.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
  to.setLineDash([]);
  if (mark) {
    to.strokeStyle = colours.bad;
    to.lineWidth = size > 12 ? 2 : 1.5;
    to.beginPath();
    to.moveTo(x + 2, y + size - 2);
    to.lineTo(x + size - 2, y + 2);
    if (mark === "lost") {
      to.moveTo(x + 2, y + 2);
      to.lineTo(x + size - 2, y + size - 2);
    }
    to.stroke();
  }
  if (ring) {
    to.globalAlpha = 1;
    to.strokeStyle = colours.ring;
    to.lineWidth = size > 12 ? 3 : 2;
    if (ring === "planned") to.setLineDash([3, 2]);
    to.strokeRect(x, y, size, size);
    to.setLineDash([]);
  }
  to.globalAlpha = 1;
}
