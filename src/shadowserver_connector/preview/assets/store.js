// The findings as columns, what they are filtered by, and which of them match.

const store = { rows: 0, facets: new Map(), hits: new Map() };

const VERDICTS = {
  new: "new",
  changed: "changed",
  recurring: "still there",
  resurfaced: "back again",
  gone: "no longer reported",
  first: "of the first day",
};

function load(table) {
  const rows = table.number.length;
  Object.assign(store, { rows, number: table.number, seconds: table.seconds, finding: table.finding });
  for (const name of ["severity", "subject", "port", "name", "asn", "country", "malware", "verdict", "gone", "tags", "cves"]) {
    store[name] = coded(table[name], rows);
  }
  store.asNames = table.as_names;
  store.report = new Uint32Array(rows);
  store.inGroup = new Uint32Array(rows);
  const filled = [];
  let row = 0;
  overview.reports.forEach((report, index) => {
    for (let left = report.shown; left > 0; left -= 1, row += 1) {
      store.report[row] = index;
      store.inGroup[row] = filled[report.group] = (filled[report.group] ?? -1) + 1;
    }
  });
  makeFacets();
}

const text = (name, row) => store[name].values[store[name].at[row]];
const reportOf = (row) => overview.reports[store.report[row]];
const typeOf = (row) => overview.types[reportOf(row).type];
const rankOf = (row) => SEVERITIES.indexOf(text("severity", row));

function statusOf(row) {
  const gone = text("gone", row);
  if (gone) return `not on ${gone}`;
  return VERDICTS[text("verdict", row)] ?? "";
}

function networkName(asn) {
  return asn ? `AS${asn} ${store.asNames[asn] ?? ""}`.trim() : "";
}

// ---- Facets: rows have a code, a code stands for the keys that its rows have.

function addFacet(name, title, at, sets, labelOf = (key) => key) {
  store.facets.set(name, { name, title, at, sets, labelOf });
}

function makeFacets() {
  const single = (values) => values.map((value) => (value ? [value] : []));
  const ofReport = (name) => overview.reports.map((report) => (report[name] ? [report[name]] : []));
  const status = statusCodes();
  addFacet("severity", "Severity", store.severity.at, single(store.severity.values));
  if (status.several) addFacet("status", "From day to day", status.at, status.sets, (key) => VERDICTS[key]);
  addFacet("type", "Type", store.report, ofReport("type"));
  addFacet("day", "Day", store.report, ofReport("day"));
  addFacet("list", "List", store.report, ofReport("list"));
  addFacet("asn", "Network", store.asn.at, single(store.asn.values), networkName);
  addFacet("country", "Country", store.country.at, single(store.country.values), (key) => overview.countries[key] ?? key);
  addFacet("tag", "Tag", store.tags.at, store.tags.values);
  addFacet("cve", "CVE", store.cves.at, store.cves.values);
  addFacet("subject", "Host", store.subject.at, single(store.subject.values));
  store.facets.get("subject").hidden = true;
  addFacet("port", "Port", store.port.at, single(store.port.values));
  addFacet("malware", "Malware or activity", store.malware.at, single(store.malware.values));
}

function statusCodes() {
  const { verdict, gone } = store;
  const width = gone.values.length;
  const sets = [];
  for (const name of verdict.values) {
    for (const day of gone.values) sets.push([name || "first", ...(day ? ["gone"] : [])]);
  }
  const at = Uint32Array.from({ length: store.rows }, (_, row) => verdict.at[row] * width + gone.at[row]);
  return { at, sets, several: verdict.values.length > 1 || width > 1 };
}

// [key, rows that have it], the largest first; severities in their order.
function countKeys(facet, rows) {
  const byCode = new Uint32Array(facet.sets.length);
  for (const row of rows) byCode[facet.at[row]] += 1;
  const counts = new Map();
  byCode.forEach((number, code) => {
    if (number) for (const key of facet.sets[code]) counts.set(key, (counts.get(key) ?? 0) + number);
  });
  const rank = facet.name === "severity" ? ([key]) => -SEVERITIES.indexOf(key) : ([, number]) => -number;
  return [...counts].sort((a, b) => rank(a) - rank(b) || (a[0] < b[0] ? -1 : 1));
}

// ---- Which rows match

function codesAllowed(facet, keys) {
  return Uint8Array.from(facet.sets, (set) => (set.some((key) => keys.has(key)) ? 1 : 0));
}

function matching({ filters, time, words, host }, without = null) {
  const tests = [];
  for (const [name, keys] of filters) {
    const facet = store.facets.get(name);
    if (facet && name !== without) tests.push([facet.at, codesAllowed(facet, keys)]);
  }
  if (host != null) {
    const { values, at } = store.subject;
    tests.push([at, Uint8Array.from(values, (value) => (value === host ? 1 : 0))]);
  }
  const hits = words.map(hitsOf);
  const [from, to] = time && without !== "time" ? time : [-Infinity, Infinity];
  const found = new Uint32Array(store.rows);
  let number = 0;
  for (let row = 0; row < store.rows; row += 1) {
    if (store.seconds[row] < from || store.seconds[row] >= to) continue;
    if (tests.every(([at, allowed]) => allowed[at[row]]) && hits.every((hit) => hit[row])) found[number++] = row;
  }
  return found.subarray(0, number);
}

// ---- Cells: only what searches, shows or copies them needs them.

let cellsRead = null;

function readCells() {
  cellsRead ??= unpack("cells").then((json) => {
    const sizes = [];
    for (const report of overview.reports) sizes[report.group] = (sizes[report.group] ?? 0) + report.shown;
    store.groups = JSON.parse(json).map(({ columns, cells }, group) => ({
      columns: columns.map(([name, title, role, party]) => ({ name, title, role, party })),
      cells: cells.map((column) => coded(column, sizes[group])),
    }));
  });
  return cellsRead;
}

// The cells of a row that say something: [{ name, title, role, party, cell }].
function cellsOf(row) {
  const { columns, cells } = store.groups[reportOf(row).group];
  return columns.flatMap((column, index) => {
    const cell = cells[index].values[cells[index].at[store.inGroup[row]]];
    return cell === "" ? [] : [{ ...column, cell }];
  });
}

const MOST_WORDS = 20;

// For each row whether it has a word anywhere; different values are looked at once.
function hitsOf(word) {
  if (store.hits.has(word)) return store.hits.get(word);
  const hit = new Uint8Array(store.rows);
  const has = (value) => (value.toLowerCase().includes(word) ? 1 : 0);
  const reports = Uint8Array.from(overview.reports, ({ type, file, day }) =>
    has(`${type}\n${overview.types[type].title}\n${file}\n${day}`),
  );
  const cves = Uint8Array.from(store.cves.values, (set) => has(set.join("\n")));
  const severities = Uint8Array.from(store.severity.values, has);
  const groups = store.groups.map(({ cells }) => cells.map(({ values }) => Uint8Array.from(values, has)));
  for (let row = 0; row < store.rows; row += 1) {
    hit[row] = reports[store.report[row]] | cves[store.cves.at[row]] | severities[store.severity.at[row]];
    if (hit[row]) continue;
    const group = reportOf(row).group;
    const at = store.inGroup[row];
    const { cells } = store.groups[group];
    hit[row] = cells.some((column, index) => groups[group][index][column.at[at]]) || has(readableTime(store.seconds[row])) ? 1 : 0;
  }
  if (store.hits.size >= MOST_WORDS) store.hits.clear();
  store.hits.set(word, hit);
  return hit;
}

// ---- Order: what says nothing comes last, whichever way round.

const collator = new Intl.Collator("en", { numeric: true });
const ranks = new Map();

function rankBy(name) {
  if (!ranks.has(name)) {
    const values = store[name].values.map((value) => (Array.isArray(value) ? value.join(", ") : value));
    const order = values.map((_, code) => code).sort((a, b) => collator.compare(values[a], values[b]));
    const rank = new Uint32Array(values.length);
    let last = null;
    let place = 0;
    for (const code of order) {
      if (last !== null && values[code] !== last) place += 1;
      last = values[code];
      rank[code] = place;
    }
    ranks.set(name, { rank, empty: Uint8Array.from(values, (value) => (value === "" ? 1 : 0)) });
  }
  return ranks.get(name);
}

function sorter(by) {
  if (by === "time") return (row) => store.seconds[row];
  if (by === "severity") return rankOf;
  if (by === "type") {
    const names = overview.reports.map(({ type }) => type);
    const order = [...new Set(names)].sort(collator.compare);
    return (row) => order.indexOf(names[store.report[row]]);
  }
  if (by === "status") {
    const order = Object.keys(VERDICTS);
    return (row) => order.indexOf(text("gone", row) ? "gone" : text("verdict", row) || "first");
  }
  const { rank, empty } = rankBy(by);
  const { at } = store[by];
  return (row) => (empty[at[row]] ? null : rank[at[row]]);
}

function sorted(rows, { by, down }) {
  const keyOf = sorter(by);
  const keys = new Float64Array(store.rows);
  for (const row of rows) keys[row] = keyOf(row) ?? NaN;
  return Uint32Array.from(rows).sort((a, b) => {
    const [x, y] = [keys[a], keys[b]];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
    return (down ? y - x : x - y) || a - b;
  });
}
