// Ties the views together.

const TABS = ["overview", "findings", "graph"];

function showTab(name) {
  for (const tab of TABS) {
    const chosen = tab === name;
    byId(`tab-${tab}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${tab}`).tabIndex = chosen ? 0 : -1;
    byId(`${tab}-view`).hidden = !chosen;
  }
  document.body.dataset.view = name;
  if (name === "findings" && !table.found.length) find();
  if (name === "graph") {
    const first = [...objects().values()].find(({ type }) => type === "report");
    if (graph.drawn) Plotly.Plots.resize(byId("graph"));
    else if (first) select(first.id);
  }
  if (name === "overview") {
    document.querySelectorAll(".js-plotly-plot").forEach((plot) => {
      if (plot.id !== "graph") Plotly.Plots.resize(plot);
    });
  }
}

function startTabs() {
  TABS.forEach((tab, index) => {
    byId(`tab-${tab}`).addEventListener("click", () => showTab(tab));
    byId(`tab-${tab}`).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = TABS[(index + step + TABS.length) % TABS.length];
      showTab(next);
      byId(`tab-${next}`).focus();
    });
  });
}

function filterBy(facet, key, text) {
  showTab("findings");
  filterFindings(facet, key, text);
}

function drawOverview() {
  byId("charts").replaceChildren();
  drawCharts(filterBy);
}

async function start() {
  await Promise.all(["findings", "objects"].map(unpack));
  showTotals();
  showNotice();
  showReports(filterBy);
  startTabs();
  startTable();
  startGraph();
  drawOverview();
  document.body.dataset.view = "overview";
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawOverview();
    if (graph.drawn) drawGraph(drawnLinks());
  });
  document.body.dataset.ready = "yes";
}

if ("DecompressionStream" in window) {
  start();
} else {
  byId("notice").hidden = false;
  byId("notice").textContent = "This browser is too old for this page; open it in one of 2023 or later.";
}
