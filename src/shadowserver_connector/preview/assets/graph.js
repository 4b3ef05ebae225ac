// The STIX graph: a neighbourhood of bounded size that grows where one clicks.

const FIRST = 14;
const MORE = 30;
const MOST = 260;
const MOST_NAMED = 40;
const FEW = 12;
const HITS = 30;
const NODE = 8;
const LETTER = 6.1;

const graph = { places: new Map(), chosen: null, scale: 1, x: 0, y: 0 };

// Neighbours that are not drawn yet, of each type in turn, so that a few show all kinds.
function undrawn(id) {
  const byType = new Map();
  for (const { id: other } of neighboursOf(id)) {
    if (graph.places.has(other)) continue;
    const type = other.split("--")[0];
    if (!byType.has(type)) byType.set(type, new Set());
    byType.get(type).add(other);
  }
  const queues = [...byType.values()].map((ids) => [...ids]);
  const ordered = [];
  for (let turn = 0; queues.some((queue) => turn < queue.length); turn += 1) {
    for (const queue of queues) if (turn < queue.length) ordered.push(queue[turn]);
  }
  return ordered;
}

function place(id, near, index) {
  if (!graph.places.has(id)) graph.places.set(id, { ...around(near, index), id });
}

// New nodes begin outside of what is drawn, on the side of the node that they belong to.
function grow(id, most) {
  const center = graph.places.get(id) ?? { x: 0, y: 0 };
  const away = Math.hypot(center.x, center.y) || 1;
  const outside = { x: center.x + (2 * center.x) / away, y: center.y + (2 * center.y) / away };
  undrawn(id).slice(0, most).forEach((other, index) => place(other, outside, index));
  shrink(id);
}

// Beyond the bound the nodes that came first go, but never the chosen one and its neighbours.
function shrink(id) {
  const kept = new Set([id, ...neighboursOf(id).map((link) => link.id)]);
  for (const other of [...graph.places.keys()]) {
    if (graph.places.size <= MOST) return;
    if (!kept.has(other)) graph.places.delete(other);
  }
  for (const other of [...graph.places.keys()].slice(1)) {
    if (graph.places.size <= MOST) return;
    if (other !== id) graph.places.delete(other);
  }
}

// Reports and cases refer to everything: their lines are drawn only while one looks at them.
function hidesLinks(id) {
  return id !== graph.chosen && /^(report|case-incident)--/.test(id);
}

function drawnLinks() {
  const links = [];
  for (const source of graph.places.keys()) {
    for (const { id: target, kind, out, via } of neighboursOf(source)) {
      if (out && graph.places.has(target) && !hidesLinks(source)) links.push({ source, target, kind, via });
    }
  }
  return links;
}

// Draw an object with its neighbours; what was drawn stays where the two touch.
function take(id) {
  const stix = objects().get(id);
  graph.chosen = id;
  if (stix.type === "relationship") {
    place(stix.source_ref, { x: 0, y: 0 }, 0);
    place(stix.target_ref, graph.places.get(stix.source_ref), 0);
    return;
  }
  const link = neighboursOf(id).find((other) => graph.places.has(other.id));
  if (!link && !graph.places.has(id)) graph.places.clear();
  place(id, link ? graph.places.get(link.id) : { x: 0, y: 0 }, 0);
  const drawn = neighboursOf(id).filter((other) => graph.places.has(other.id)).length;
  grow(id, Math.max(0, FIRST - drawn));
}

async function showGraph() {
  byId("object-search").setAttribute("aria-busy", "true");
  await readObjects();
  byId("object-search").removeAttribute("aria-busy");
  if (!byId("types").childNodes.length) showTypes();
  const first = [...objects().values()].find(({ type }) => type === "report")?.id;
  const id = objects().has(view.object) ? view.object : first;
  if (!id) return;
  if (id !== graph.chosen) {
    take(id);
    settle(graph.places, drawnLinks().map(({ source, target }) => [source, target]));
    showObject(id);
  }
  fit();
  showGraphSize();
}

function showGraphSize() {
  const all = overview.drawn < overview.findings ? `, those of ${count(overview.drawn)} of ${plural(overview.findings, "finding")}` : "";
  byId("graph-size").textContent = `${count(graph.places.size)} of ${plural(objects().size, "object")} drawn${all}`;
}

// ---- Drawing: places are in the layout's units, texts keep their size however one zooms.

// How many names there is room for; beyond that the chosen object and its neighbours have theirs.
function isNamed(id, near) {
  if (graph.places.size <= (narrow() ? 20 : 90)) return true;
  return narrow() ? id === graph.chosen : near.has(id);
}

const nameShown = (id) => label(nameOf(objects().get(id)), narrow() ? 14 : 26);

// The whole graph in sight, with its names.
function fit() {
  const { width, height } = byId("graph").getBoundingClientRect();
  const nodes = [...graph.places.values()];
  const [left, right] = [Math.min(...nodes.map(({ x }) => x)), Math.max(...nodes.map(({ x }) => x))];
  const [top, bottom] = [Math.min(...nodes.map(({ y }) => y)), Math.max(...nodes.map(({ y }) => y))];
  const side = Math.max(40, ...nodes.map(({ id }) => (nameShown(id).length * LETTER) / 2)) + 6;
  const across = (width - 2 * side) / Math.max(right - left, 0.1);
  const down = (height - 70) / Math.max(bottom - top, 0.1);
  graph.scale = Math.max(4, Math.min(across, down, 90));
  graph.x = width / 2 - (graph.scale * (left + right)) / 2;
  graph.y = height / 2 - 8 - (graph.scale * (top + bottom)) / 2;
  drawGraph();
}

const across = ({ x }) => graph.x + graph.scale * x;
const down = ({ y }) => graph.y + graph.scale * y;

function drawGraph() {
  const links = drawnLinks();
  const svg = byId("graph");
  const arrow = drawing("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, drawing("path", { d: "M0 0 8 4 0 8z" }));
  const focused = document.activeElement?.dataset?.id;
  const near = new Set(neighboursOf(graph.chosen).map((link) => link.id)).add(graph.chosen);
  svg.replaceChildren(
    drawing("defs", {}, arrow),
    drawing("g", { class: "lines" }, ...links.map(lineOf)),
    drawing("g", { class: "kinds" }, ...namedLinks(links).map(kindOf)),
    drawing("g", {}, ...[...graph.places.values()].map((node) => nodeOf(node, isNamed(node.id, near)))),
  );
  if (focused) svg.querySelector(`[data-id="${focused}"]`)?.focus();
}

// Relationships are named, all of them where there is room; "object", which a container says of
// everything in it, only where it says it of a few.
function namedLinks(links) {
  const named = links.length <= FEW ? links : links.filter(({ kind }) => kind !== "object");
  if (named.length <= MOST_NAMED) return named;
  return named.filter(({ source, target, via }) => [source, target, via].includes(graph.chosen));
}

function lineOf({ source, target }) {
  const [a, b] = [graph.places.get(source), graph.places.get(target)];
  const [x, y] = [across(b) - across(a), down(b) - down(a)];
  const length = Math.hypot(x, y) || 1;
  const short = (NODE + 3) / length;
  return drawing("line", { x1: across(a), y1: down(a), x2: across(b) - x * short, y2: down(b) - y * short, "marker-end": "url(#arrow)" });
}

function kindOf({ source, target, kind, via }) {
  const [a, b] = [graph.places.get(source), graph.places.get(target)];
  const attributes = { x: (across(a) + across(b)) / 2, y: (down(a) + down(b)) / 2 - 3, "text-anchor": "middle" };
  if (via) Object.assign(attributes, { class: "via", "data-via": via, on: { click: () => go({ object: via }) } });
  return drawing("text", attributes, label(kind));
}

const SHAPES = {
  circle: `M-${NODE} 0a${NODE} ${NODE} 0 1 0 ${2 * NODE} 0a${NODE} ${NODE} 0 1 0 -${2 * NODE} 0`,
  square: "M-7-7H7V7H-7z",
  diamond: "M0-10 9 0 0 10-9 0z",
  hexagon: "M-9 0-4.5-8H4.5L9 0 4.5 8H-4.5z",
  "triangle-up": "M0-9 9 7H-9z",
};

function shapeOf(type) {
  const [fill, shape] = TYPES[type] ?? OTHER_TYPE;
  return drawing("path", { d: SHAPES[shape], fill });
}

function nodeOf(node, named) {
  const { id } = node;
  const stix = objects().get(id);
  const hidden = undrawn(id).length;
  const said = `${stix.type}: ${label(nameOf(stix), 90)}${hidden ? `, ${plural(hidden, "more neighbour")}` : ""}`;
  const chosen = id === graph.chosen;
  const made = drawing(
    "g",
    { class: chosen ? "node chosen" : "node", role: "button", tabindex: 0, "aria-label": said, "aria-pressed": String(chosen), "data-id": id, transform: `translate(${across(node)} ${down(node)})`, on: { click: () => go({ object: id }) } },
    drawing("title", {}, said),
    ...(chosen ? [drawing("circle", { class: "ring", r: NODE + 5 })] : []),
    shapeOf(stix.type),
  );
  if (named) made.append(drawing("text", { y: NODE + 14, "text-anchor": "middle" }, nameShown(id)));
  return made;
}

// The objects by type, which is also what the shapes mean; a type leads to its objects.
function showTypes() {
  const types = new Map();
  for (const { type } of objects().values()) types.set(type, (types.get(type) ?? 0) + 1);
  const lines = [...types].sort((a, b) => b[1] - a[1]).map(([type, number]) => {
    const key = type === "relationship" ? drawing("path", { d: "M-9 0H9" }) : shapeOf(type);
    return element("li", {}, button("", () => lookFor(type), {}), drawing("svg", { viewBox: "-11 -11 22 22", width: 14, height: 14, "aria-hidden": "true" }, key), type, element("span", { class: "faint" }, ` ${count(number)}`));
  });
  for (const line of lines) line.firstChild.append(...[...line.childNodes].slice(1));
  byId("types").replaceChildren(...lines);
}

function lookFor(type) {
  byId("jump").value = type;
  byId("jump").focus();
  byId("jump").dispatchEvent(new Event("input"));
}

// ---- Zoom and pan

function zoom(by, x, y) {
  const scale = Math.max(4, Math.min(400, graph.scale * by));
  const done = scale / graph.scale;
  Object.assign(graph, { scale, x: x - (x - graph.x) * done, y: y - (y - graph.y) * done });
  drawGraph();
}

function zoomInTheMiddle(by) {
  const { width, height } = byId("graph").getBoundingClientRect();
  zoom(by, width / 2, height / 2);
}

function startPanning(svg) {
  let last = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".node, .via")) return;
    last = event;
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!last) return;
    graph.x += event.clientX - last.clientX;
    graph.y += event.clientY - last.clientY;
    last = event;
    drawGraph();
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (last = null));
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
}

function startGraph() {
  const svg = byId("graph");
  byId("object-search").addEventListener("submit", (event) => event.preventDefault());
  byId("back").addEventListener("click", () => history.back());
  byId("expand").addEventListener("click", () => {
    grow(graph.chosen, MORE);
    settle(graph.places, drawnLinks().map(({ source, target }) => [source, target]));
    fit();
    showGraphSize();
  });
  byId("only").addEventListener("click", () => {
    graph.places.clear();
    take(graph.chosen);
    settle(graph.places, drawnLinks().map(({ source, target }) => [source, target]));
    fit();
    showGraphSize();
  });
  byId("zoom-in").addEventListener("click", () => zoomInTheMiddle(1.3));
  byId("zoom-out").addEventListener("click", () => zoomInTheMiddle(1 / 1.3));
  byId("fit").addEventListener("click", fit);
  svg.addEventListener("keydown", (event) => {
    const id = event.target.closest(".node")?.dataset.id;
    if (!id || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    go({ object: id });
  });
  startPanning(svg);
  startJump((stix) => {
    graph.places.clear();
    graph.chosen = null;
    go({ object: stix.id });
  });
  new ResizeObserver(() => {
    if (graph.chosen && view.tab === "graph") fit();
  }).observe(svg.parentElement);
}
