// The findings: searched, filtered, sorted, a page of them at a time.

const PAGE = 100;

const COLUMNS = [
  ["time", "Time (UTC)", (finding) => readableTime(finding.time)],
  ["severity", "Severity", (finding) => severityBadge(finding.severity)],
  ["type", "Type", (finding) => finding.type],
  ["address", "Address", (finding) => finding.address],
  ["port", "Port", (finding) => finding.port],
  ["hostname", "Host name", (finding) => finding.hostname],
  ["asn", "AS", (finding) => finding.asn],
  ["country", "Country", (finding) => finding.country],
  ["tags", "Tags", (finding) => finding.tags.join(", ")],
];

const NUMERIC = new Set(["port", "asn"]);
const order = new Intl.Collator("en", { numeric: true });

const table = {
  words: [],
  filters: [],
  sorted: { by: "severity", down: true },
  found: [],
  page: 0,
  chosen: null,
};

function matchesFilter(finding, { facet, key }) {
  if (facet === "tag") return finding.tags.includes(key);
  if (facet === "cve") return finding.cves.includes(key);
  if (facet === "time") return finding.time.startsWith(key);
  return finding[facet] === key;
}

// Everything that the details of a finding show, so that what is seen can be found.
function searchedText(finding) {
  finding.text ??= [
    finding.type,
    finding.title,
    finding.severity,
    readableTime(finding.time),
    ...finding.cves,
    ...finding.cells,
  ]
    .join("\n")
    .toLowerCase();
  return finding.text;
}

function sortKey(by) {
  if (by === "severity") return (finding) => SEVERITIES.indexOf(finding.severity);
  if (by === "tags") return (finding) => finding.tags.join(", ");
  if (NUMERIC.has(by)) {
    return (finding) => (finding[by] === "" ? -1 : Number(finding[by]) || 0);
  }
  return (finding) => finding[by];
}

function sortFound() {
  const { by, down } = table.sorted;
  const key = sortKey(by);
  const keyed = table.found.map((finding, place) => [key(finding), place, finding]);
  const compare = typeof keyed[0]?.[0] === "number" ? (a, b) => a - b : order.compare;
  keyed.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])) || a[1] - b[1]);
  table.found = keyed.map(([, , finding]) => finding);
}

function find() {
  table.found = findings().filter(
    (finding) =>
      table.filters.every((filter) => matchesFilter(finding, filter)) &&
      table.words.every((word) => searchedText(finding).includes(word)),
  );
  sortFound();
  table.page = 0;
  showTable();
}

function lastPage() {
  return Math.max(0, Math.ceil(table.found.length / PAGE) - 1);
}

function showTable() {
  const from = table.page * PAGE;
  const rows = table.found.slice(from, from + PAGE);
  byId("findings").tBodies[0].replaceChildren(...rows.map(tableRow));
  byId("table-scroll").scrollTop = 0;
  byId("matches").textContent =
    table.found.length === findings().length
      ? plural(table.found.length, "finding")
      : `${count(table.found.length)} of ${plural(findings().length, "finding")}`;
  byId("pages").textContent = `Page ${count(table.page + 1)} of ${count(lastPage() + 1)}`;
  byId("first").disabled = byId("previous").disabled = table.page === 0;
  byId("next").disabled = byId("last").disabled = table.page === lastPage();
  showFilters();
  showHeadings();
}

function tableRow(finding) {
  const cells = COLUMNS.map(([name, , show]) =>
    element(
      "td",
      { class: NUMERIC.has(name) ? "number" : `of-${name}` },
      element("div", { class: "clip" }, show(finding)),
    ),
  );
  const row = element(
    "tr",
    { tabindex: 0, "aria-selected": String(finding === table.chosen) },
    ...cells,
  );
  row.addEventListener("click", () => choose(finding, row));
  row.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(finding, row);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      (event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling)?.focus();
    }
  });
  return row;
}

function showHeadings() {
  const headings = COLUMNS.map(([name, title]) => {
    const active = table.sorted.by === name;
    const direction = active ? (table.sorted.down ? "descending" : "ascending") : "none";
    const button = element("button", { "data-sort": name, on: { click: () => sortBy(name) } }, title);
    const side = NUMERIC.has(name) ? "number" : "";
    return element("th", { scope: "col", class: side, "aria-sort": direction }, button);
  });
  const focused = document.activeElement?.dataset?.sort;
  byId("findings").tHead.replaceChildren(element("tr", {}, ...headings));
  if (focused) byId("findings").querySelector(`[data-sort="${focused}"]`)?.focus();
}

function showFilters() {
  byId("filters").replaceChildren(
    ...table.filters.map((filter) =>
      element(
        "button",
        {
          type: "button",
          class: "chip",
          title: "Remove this filter",
          on: {
            click: () => {
              table.filters = table.filters.filter((other) => other !== filter);
              find();
            },
          },
        },
        `${FACETS[filter.facet]}: ${filter.text} ✕`,
      ),
    ),
  );
}

function sortBy(name) {
  table.sorted = {
    by: name,
    down: table.sorted.by === name ? !table.sorted.down : name === "severity",
  };
  sortFound();
  table.page = 0;
  showTable();
}

function filterFindings(facet, key, text) {
  table.filters = [...table.filters.filter((filter) => filter.facet !== facet), { facet, key, text }];
  find();
}

function turnTo(page) {
  table.page = Math.min(Math.max(page, 0), lastPage());
  showTable();
}

function choose(finding, row) {
  table.chosen = finding;
  for (const other of row.parentElement.children) {
    other.setAttribute("aria-selected", String(other === row));
  }
  showFinding(finding);
}

function showFinding(finding) {
  const facts = finding.columns.flatMap(([name, title], index) =>
    finding.cells[index]
      ? [
          element(
            "div",
            {},
            element("dt", { title: name }, title),
            element("dd", {}, finding.cells[index]),
          ),
        ]
      : [],
  );
  const addresses = finding.cells.map((cell) => cell.trim().toLowerCase());
  const start = nodeOfValue([finding.address.trim().toLowerCase(), ...addresses]);
  byId("finding").replaceChildren(
    element("h2", {}, finding.address || finding.hostname || finding.title),
    element("p", {}, severityBadge(finding.severity), ` ${finding.title}`),
    element("p", { class: "faint" }, `${finding.file}, row ${count(finding.number)}`),
    ...(start
      ? [element("button", { class: "action", on: { click: () => openInGraph(start) } }, "Show in the STIX graph")]
      : []),
    element("dl", { class: "facts" }, ...facts),
  );
}

function startTable() {
  let waiting;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      table.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      find();
    }, 120);
  });
  byId("finding-search").addEventListener("submit", (event) => event.preventDefault());
  byId("first").addEventListener("click", () => turnTo(0));
  byId("previous").addEventListener("click", () => turnTo(table.page - 1));
  byId("next").addEventListener("click", () => turnTo(table.page + 1));
  byId("last").addEventListener("click", () => turnTo(lastPage()));
}
