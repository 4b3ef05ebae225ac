// The STIX graph: a neighbourhood of bounded size that grows where one clicks.

const FIRST = 14;
const MORE = 30;
const MOST = 260;
const MOST_NAMED = 12;
const HITS = 30;

const graph = { places: new Map(), chosen: null, past: [], drawn: false };

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

function grow(id, most) {
  const center = graph.places.get(id) ?? { x: 0, y: 0 };
  undrawn(id).slice(0, most).forEach((other, index) => place(other, center, index));
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
      if (out && graph.places.has(target) && !hidesLinks(source)) links.push([source, target, kind, via]);
    }
  }
  return links;
}

function select(id, { keepPast = false } = {}) {
  const stix = objects().get(id);
  if (!stix) return;
  if (graph.chosen && graph.chosen !== id && !keepPast) graph.past.push(graph.chosen);
  graph.chosen = id;
  if (stix.type === "relationship") {
    place(stix.source_ref, { x: 0, y: 0 }, 0);
    place(stix.target_ref, graph.places.get(stix.source_ref), 0);
  } else {
    const link = neighboursOf(id).find((other) => graph.places.has(other.id));
    if (!link && !graph.places.has(id)) graph.places.clear();
    place(id, link ? graph.places.get(link.id) : { x: 0, y: 0 }, 0);
    const drawn = neighboursOf(id).filter((other) => graph.places.has(other.id)).length;
    grow(id, Math.max(0, FIRST - drawn));
  }
  showGraph();
}

function showGraph() {
  const links = drawnLinks();
  settle(graph.places, links);
  // The details first: they take their room from the graph.
  showObject(graph.chosen);
  drawGraph(links);
  byId("back").disabled = !graph.past.length;
  byId("expand").disabled = byId("only").disabled = !graph.chosen;
  byId("graph-size").textContent =
    `${count(graph.places.size)} of ${plural(objects().size, "object")} drawn`;
}

function drawGraph(links) {
  const layout = chartLayout({
    margin: { t: 4, r: 4, b: 4, l: 4 },
    dragmode: "pan",
    hovermode: "closest",
    showlegend: true,
    legend: { x: 0, y: 0, yanchor: "bottom", bgcolor: colour("veil"), font: { size: 11 }, itemclick: false, itemdoubleclick: false },
    xaxis: { visible: false },
    yaxis: { visible: false },
  });
  const traces = [...linkTraces(links), chosenTrace(), ...nodeTraces()];
  Plotly.react(byId("graph"), traces, layout, { ...CONFIG, scrollZoom: true, doubleClick: "reset" });
  if (!graph.drawn) {
    graph.drawn = true;
    byId("graph").on("plotly_click", ({ points }) => {
      const id = points.map((point) => point.customdata).find(Boolean);
      if (id) select(id);
    });
  }
}

function linkTraces(links) {
  const x = [];
  const y = [];
  const size = [];
  const touches = (link) => link[2] !== "object" && [link[0], link[1], link[3]].includes(graph.chosen);
  const named = links.filter(touches).length <= MOST_NAMED;
  const middles = { x: [], y: [], ids: [], hover: [], text: [] };
  for (const link of links) {
    const [source, target, kind, via] = link;
    const a = graph.places.get(source);
    const b = graph.places.get(target);
    x.push(a.x, b.x, null);
    y.push(a.y, b.y, null);
    size.push(0, 8, 0);
    middles.x.push((a.x + b.x) / 2);
    middles.y.push((a.y + b.y) / 2);
    middles.ids.push(via ?? "");
    middles.hover.push(label(kind));
    middles.text.push(named && touches(link) ? label(kind) : "");
  }
  const faint = colour("faint");
  return [
    {
      type: "scatter",
      mode: "lines+markers",
      x,
      y,
      line: { color: colour("link"), width: 1 },
      marker: { symbol: "arrow", angleref: "previous", size, standoff: 7, color: colour("link"), opacity: 1, line: { width: 0 } },
      hoverinfo: "skip",
      showlegend: false,
    },
    {
      type: "scatter",
      mode: "markers+text",
      x: middles.x,
      y: middles.y,
      text: middles.text,
      textfont: { size: 10, color: faint },
      marker: { size: 12, opacity: 0 },
      customdata: middles.ids,
      hovertext: middles.hover,
      hoverinfo: "text",
      showlegend: false,
    },
  ];
}

function chosenTrace() {
  const stix = objects().get(graph.chosen);
  const ids = stix?.type === "relationship" ? [stix.source_ref, stix.target_ref] : [graph.chosen];
  const places = ids.map((id) => graph.places.get(id)).filter(Boolean);
  return {
    type: "scatter",
    mode: "markers",
    x: places.map(({ x }) => x),
    y: places.map(({ y }) => y),
    marker: { size: 26, color: "rgba(0,0,0,0)", line: { color: colour("accent"), width: 3 } },
    hoverinfo: "skip",
    showlegend: false,
  };
}

function nodeTraces() {
  const byType = new Map();
  for (const node of graph.places.values()) {
    const { type } = objects().get(node.id);
    if (!byType.has(type)) byType.set(type, []);
    byType.get(type).push(node);
  }
  const crowded = graph.places.size > 90;
  return [...byType].sort().map(([type, nodes]) => {
    const [color, symbol] = TYPES[type] ?? OTHER_TYPE;
    const names = nodes.map(({ id }) => nameOf(objects().get(id)));
    const near = new Set(neighboursOf(graph.chosen).map((link) => link.id)).add(graph.chosen);
    return {
      type: "scatter",
      mode: "markers+text",
      name: label(type),
      x: nodes.map(({ x }) => x),
      y: nodes.map(({ y }) => y),
      customdata: nodes.map(({ id }) => id),
      text: names.map((name, index) => (crowded && !near.has(nodes[index].id) ? "" : label(name, 26))),
      textposition: "bottom center",
      textfont: { size: 10.5 },
      hovertext: nodes.map(({ id }, index) => {
        const hidden = undrawn(id).length;
        return `${label(type)}<br>${label(names[index], 90)}${hidden ? `<br>${plural(hidden, "more neighbour")}` : ""}`;
      }),
      hoverinfo: "text",
      marker: { size: 15, color, symbol, line: { color: colour("page"), width: 1.5 } },
    };
  });
}

function openInGraph(id) {
  showTab("graph");
  graph.places.clear();
  select(id);
}

function startGraph() {
  byId("object-search").addEventListener("submit", (event) => event.preventDefault());
  byId("back").addEventListener("click", () => select(graph.past.pop(), { keepPast: true }));
  byId("expand").addEventListener("click", () => {
    grow(graph.chosen, MORE);
    showGraph();
  });
  byId("only").addEventListener("click", () => {
    graph.places.clear();
    select(graph.chosen);
  });
  startJump((stix) => openInGraph(stix.id));
}
