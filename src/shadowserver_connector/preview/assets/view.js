// What is looked at, as the address bar holds it: Back, reload and a copied address keep it.

const TABS = ["overview", "hosts", "findings", "graph"];
const WORST_FIRST = { by: "severity", down: true };
// `sort` is the order of the findings, `order` that of the hosts.
const START = { tab: "overview", q: "", time: null, sort: WORST_FIRST, order: WORST_FIRST, row: null, host: null, object: null };

const view = { ...START, filters: new Map() };

function wordsOf(search) {
  return search.toLowerCase().split(/\s+/).filter(Boolean).slice(0, MOST_WORDS);
}

function written(state) {
  const parameters = new URLSearchParams();
  parameters.set("tab", state.tab);
  if (state.q) parameters.set("q", state.q);
  for (const [name, keys] of state.filters) for (const key of keys) parameters.append(name, key);
  if (state.time) parameters.set("time", state.time.join("~"));
  for (const name of ["sort", "order"]) {
    const { by, down } = state[name];
    if (by !== WORST_FIRST.by || down !== WORST_FIRST.down) parameters.set(name, `${down ? "-" : ""}${by}`);
  }
  for (const name of ["host", "row", "object"]) if (state[name] != null) parameters.set(name, state[name]);
  return `#${parameters}`;
}

// Whatever the address holds, the page has a state that it can show.
function parsed(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...START, filters: new Map() };
  if (TABS.includes(parameters.get("tab"))) state.tab = parameters.get("tab");
  state.q = parameters.get("q") ?? "";
  for (const name of store.facets.keys()) {
    const keys = parameters.getAll(name);
    if (keys.length) state.filters.set(name, new Set(keys));
  }
  const time = (parameters.get("time") ?? "").split("~").map(Number);
  if (time.length === 2 && time.every(Number.isFinite) && time[0] < time[1]) state.time = time;
  for (const [name, columns] of [["sort", FINDING_COLUMNS], ["order", HOST_COLUMNS]]) {
    const sort = parameters.get(name) ?? "";
    const by = sort.replace(/^-/, "");
    if (columns.some((column) => column.name === by)) state[name] = { by, down: sort.startsWith("-") };
  }
  const row = Number(parameters.get("row") ?? NaN);
  if (Number.isInteger(row) && row >= 0 && row < store.rows) state.row = row;
  state.host = parameters.get("host");
  state.object = parameters.get("object");
  return state;
}

async function go(changes, { replace = false } = {}) {
  Object.assign(view, changes);
  const hash = written(view);
  if (hash !== location.hash) history[replace ? "replaceState" : "pushState"](null, "", hash);
  await show();
}

async function follow() {
  Object.assign(view, parsed(location.hash));
  await show();
}

// What a click on a heading makes of the order: the column's own way first, then the other way.
function turned(sort, { name, downFirst = false }) {
  return { by: name, down: sort.by === name ? !sort.down : downFirst };
}

function toggled(name, key) {
  const filters = new Map([...view.filters].map(([facet, keys]) => [facet, new Set(keys)]));
  const keys = filters.get(name) ?? new Set();
  if (!keys.delete(key)) keys.add(key);
  filters.delete(name);
  if (keys.size) filters.set(name, keys);
  return filters;
}

function only(name, key) {
  return new Map([...view.filters].filter(([facet]) => facet !== name)).set(name, new Set([key]));
}

// ---- The findings that match, kept until another filter is set

const found = { key: null, rows: null };

function foundRows() {
  const { filters, time, q } = view;
  const key = JSON.stringify([[...filters].map(([name, keys]) => [name, [...keys]]), time, q]);
  if (found.key !== key) {
    found.key = key;
    found.rows = matching(asked());
  }
  return found.rows;
}

function asked() {
  return { filters: view.filters, time: view.time, words: wordsOf(view.q) };
}

function isFiltered() {
  return view.filters.size > 0 || view.time !== null || view.q.trim() !== "";
}
