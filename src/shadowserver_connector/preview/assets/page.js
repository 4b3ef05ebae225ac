// Ties the views together.

const SHOW = { overview: showOverview, hosts: showHosts, findings: showFindings, graph: showGraph };

// Draw what `view` says. Cells are read first where words are looked for in them.
async function show() {
  for (const tab of TABS) {
    const chosen = tab === view.tab;
    byId(`tab-${tab}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${tab}`).tabIndex = chosen ? 0 : -1;
    byId(`${tab}-view`).hidden = !chosen;
  }
  document.body.dataset.view = view.tab;
  byId("filter-bar").hidden = view.tab === "graph";
  if (view.q.trim()) await readCells();
  showFilterBar();
  showFacets();
  await SHOW[view.tab]();
}

function startTabs() {
  TABS.forEach((tab, index) => {
    byId(`tab-${tab}`).addEventListener("click", () => go({ tab }));
    byId(`tab-${tab}`).addEventListener("keydown", async (event) => {
      const steps = { ArrowRight: index + 1, ArrowLeft: index - 1 + TABS.length, Home: 0, End: TABS.length - 1 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const next = TABS[steps[event.key] % TABS.length];
      await go({ tab: next });
      byId(`tab-${next}`).focus();
    });
  });
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (byId("facets").contains(document.activeElement)) toggleFacets();
    else if (view.tab === "findings") closeFinding();
    else if (view.tab === "hosts") closeHost();
  });
}

async function start() {
  load(JSON.parse(await unpack("table")));
  showCovered();
  showNotice();
  showReports();
  startTabs();
  startKeys();
  startFilters();
  startFindings();
  startHosts();
  startGraph();
  addEventListener("popstate", follow);
  await follow();
  document.body.dataset.ready = "yes";
  // What most people look at next is ready when they do.
  setTimeout(readCells, 300);
}

if ("DecompressionStream" in window) {
  start();
} else {
  byId("notice").hidden = false;
  byId("notice").textContent = "This browser is too old for this page; open it in one of 2023 or later.";
}
