// The filters: search, facets with counts, what is set, and what is shown as a file.

const SHOWN_KEYS = 8;
const FOUND_KEYS = 40;

const panel = { more: new Set(), open: new Set(["severity", "status", "type", "day"]), looked: new Map() };

function showFilterBar() {
  const rows = foundRows();
  const chips = [];
  for (const [name, keys] of view.filters) {
    const facet = store.facets.get(name);
    for (const key of keys) {
      const what = `${facet.title}: ${label(facet.labelOf(key), 40)}`;
      chips.push(button(`${what} ✕`, () => go({ filters: toggled(name, key) }), { class: "chip", "aria-label": `Remove the filter ${what}` }));
    }
  }
  if (view.time) {
    const [from, to] = view.time;
    chips.push(button(`${readableTime(from).slice(0, 16)} to ${readableTime(to).slice(0, 16)} ✕`, () => go({ time: null }), { class: "chip", "aria-label": "Remove the filter by time" }));
  }
  if (chips.length > 1) chips.push(button("Remove all", () => go({ filters: new Map(), time: null, q: "" }), { class: "chip" }));
  byId("filters").replaceChildren(...chips);
  byId("matches").textContent = isFiltered() ? `${count(rows.length)} of ${plural(store.rows, "finding")}` : plural(store.rows, "finding");
  if (document.activeElement !== byId("search")) byId("search").value = view.q;
}

function showFacets() {
  const open = byId("facets-toggle").getAttribute("aria-expanded") === "true";
  const pane = byId("facets");
  pane.hidden = !open || view.tab === "graph";
  document.body.classList.toggle("with-facets", !pane.hidden);
  if (pane.hidden) return;
  const focused = document.activeElement?.closest?.("#facets [data-key]")?.dataset.key;
  const scrolled = pane.scrollTop;
  const head = element("div", { class: "pane-head" }, element("h2", {}, "Filters"), button("Close", toggleFacets, { class: "close" }));
  const shown = [...store.facets.values()].filter(({ hidden }) => !hidden);
  pane.replaceChildren(head, ...shown.map(facetPane));
  pane.scrollTop = scrolled;
  if (focused) pane.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function toggleFacets() {
  const open = byId("facets-toggle").getAttribute("aria-expanded") === "true";
  byId("facets-toggle").setAttribute("aria-expanded", String(!open));
  showFacets();
  if (open) byId("facets-toggle").focus();
  else byId("facets").querySelector("button, summary")?.focus();
}

function facetPane(facet) {
  const chosen = view.filters.get(facet.name) ?? new Set();
  const body = element("div");
  const open = panel.open.has(facet.name) || chosen.size > 0;
  const made = element("details", { class: "facet", open, "data-facet": facet.name }, element("summary", {}, facet.title), body);
  const fill = () => body.replaceChildren(...facetKeys(facet, chosen, fill));
  made.addEventListener("toggle", () => {
    panel.open[made.open ? "add" : "delete"](facet.name);
    if (made.open && !body.childNodes.length) fill();
  });
  // What is closed is not counted.
  if (open) fill();
  return made;
}

function facetKeys(facet, chosen, again) {
  const rows = chosen.size ? matching(asked(), facet.name) : foundRows();
  const counts = new Map(countKeys(facet, rows));
  for (const key of chosen) if (!counts.has(key)) counts.set(key, 0);
  const looked = (panel.looked.get(facet.name) ?? "").toLowerCase();
  const all = [...counts].filter(([key]) => !looked || facet.labelOf(key).toLowerCase().includes(looked) || chosen.has(key));
  const most = panel.more.has(facet.name) ? FOUND_KEYS : SHOWN_KEYS;
  const shown = [...all.filter(([key]) => chosen.has(key)), ...all.filter(([key]) => !chosen.has(key))].slice(0, Math.max(most, chosen.size));
  const lines = shown.map(([key, number]) =>
    element(
      "li",
      {},
      element(
        "label",
        {},
        element("input", { type: "checkbox", checked: chosen.has(key), "data-key": `${facet.name}=${key}`, on: { change: () => go({ filters: toggled(facet.name, key), row: null }) } }),
        element("span", { class: "facet-name" }, label(facet.labelOf(key), 60)),
        element("span", { class: "facet-number" }, count(number)),
      ),
    ),
  );
  const parts = [element("ul", {}, ...lines)];
  if (!shown.length) parts.push(element("p", { class: "faint" }, looked ? "None is called that." : "None of these findings has one."));
  if (counts.size > SHOWN_KEYS) parts.push(...facetMore(facet, all.length, shown.length, again));
  return parts;
}

function facetMore(facet, all, shown, again) {
  const look = element("input", { type: "search", "aria-label": `Find in ${facet.title}`, placeholder: `Find one of ${count(all)}`, "data-key": `${facet.name} find` });
  look.value = panel.looked.get(facet.name) ?? "";
  look.addEventListener("input", () => {
    panel.looked.set(facet.name, look.value);
    again();
    const anew = byId("facets").querySelector(`[data-key="${facet.name} find"]`);
    anew?.focus();
    anew?.setSelectionRange(anew.value.length, anew.value.length);
  });
  const more = panel.more.has(facet.name);
  const switched = button(more ? "Fewer" : `More (${count(all)})`, () => {
    panel.more[more ? "delete" : "add"](facet.name);
    again();
  }, { class: "plain-button" });
  return [look, ...(all > shown || more ? [switched] : [])];
}

function startFilters() {
  let waiting = null;
  byId("finding-search").addEventListener("submit", (event) => event.preventDefault());
  byId("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      await readCells();
      await go({ q: byId("search").value, row: null }, { replace: true });
    }, 150);
  });
  byId("facets-toggle").addEventListener("click", toggleFacets);
  byId("save-csv").addEventListener("click", () => exportShown("csv"));
  byId("save-json").addEventListener("click", () => exportShown("json"));
}

// What is shown where nothing matches: why, and the way back.
function emptyState(what) {
  const why = isFiltered()
    ? [`No ${what} matches `, view.q.trim() ? `“${view.q.trim()}”` : "", view.q.trim() && (view.filters.size || view.time) ? " with " : "", view.filters.size || view.time ? "the filters that are set" : "", ". "]
    : [store.rows ? `The reports have no ${what}.` : "The reports have no rows, or the settings leave all of them out."];
  const undo = isFiltered() ? [button("Show all findings", () => go({ filters: new Map(), time: null, q: "" }))] : [];
  return element("div", { class: "empty" }, ...why, ...undo);
}
