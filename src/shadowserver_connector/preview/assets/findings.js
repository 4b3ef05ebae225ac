// The findings: a row each, and the details of one.

const FINDING_COLUMNS = [
  { name: "time", title: "Time (UTC)", downFirst: true, show: (row) => readableTime(store.seconds[row]) },
  { name: "severity", title: "Severity", downFirst: true, show: (row) => severityBadge(text("severity", row)) },
  { name: "status", title: "From day to day", show: statusOf },
  { name: "type", title: "Type", show: (row) => reportOf(row).type },
  { name: "subject", title: "Of", show: (row) => label(text("subject", row), 200) },
  { name: "port", title: "Port", number: true, show: (row) => text("port", row) },
  { name: "name", title: "Host name", show: (row) => label(text("name", row), 200) },
  { name: "malware", title: "Malware or activity", show: (row) => label(text("malware", row), 100) },
  { name: "asn", title: "AS", number: true, show: (row) => text("asn", row) },
  { name: "country", title: "Country", show: (row) => text("country", row) },
  { name: "tags", title: "Tags", show: (row) => label(store.tags.values[store.tags.at[row]].join(", "), 200) },
];

const findingsTable = { shown: null, key: null };

// Columns that no row has anything for would only take room.
function usedColumns() {
  return FINDING_COLUMNS.filter(({ name }) => {
    if (name === "status") return store.facets.has("status");
    if (!["port", "name", "malware", "asn", "country", "tags"].includes(name)) return true;
    return store[name].values.some((value) => value.length);
  });
}

function startFindings() {
  findingsTable.made = virtualTable(byId("table-scroll"), {
    label: "Findings",
    columns: usedColumns(),
    open: (row) => go({ row }),
    sortBy: (column) => go({ sort: turned(view.sort, column) }),
    selected: (row) => row === view.row,
  });
  findingsTable.made.table.id = "findings";
}

function showFindings() {
  const rows = foundRows();
  const key = `${found.key} ${JSON.stringify(view.sort)}`;
  const same = findingsTable.key === key;
  if (!same) findingsTable.shown = sorted(rows, view.sort);
  findingsTable.key = key;
  byId("table-empty").replaceChildren(...(rows.length ? [] : [emptyState("finding")]));
  byId("table-scroll").hidden = !rows.length;
  findingsTable.made.show(findingsTable.shown, view.sort, same);
  if (view.row !== null && store.rows) findingsTable.made.reveal(view.row);
  return showFinding();
}

function closeFinding() {
  if (view.row === null) return;
  go({ row: null }).then(() => findingsTable.made.focusActive());
}

async function showFinding() {
  const pane = byId("finding");
  pane.classList.toggle("open", view.row !== null);
  if (view.row === null) {
    pane.replaceChildren(element("p", { class: "faint" }, "Choose a finding to see all of its cells."));
    pane.dataset.row = "";
    return;
  }
  if (pane.dataset.row === String(view.row)) return;
  await readCells();
  pane.dataset.row = String(view.row);
  pane.replaceChildren(...findingDetails(view.row));
  pane.scrollTop = 0;
  if (narrow()) pane.querySelector("button").focus();
}

function findingDetails(row) {
  const report = reportOf(row);
  const type = typeOf(row);
  const subject = text("subject", row);
  const cells = cellsOf(row);
  const record = () => JSON.stringify(findingRecord(row), null, 1);
  const values = cells.flatMap(({ name, title, cell }) => [
    element("dt", { title: name }, title),
    element("dd", {}, label(cell, 5000), " ", copyButton(cell, title)),
  ]);
  const advice = type.todo ? element("p", { class: "advice" }, element("strong", {}, "What to do: "), type.todo, ". ", catalogueLink(type.page)) : element("p", {}, catalogueLink(type.page));
  return [
    element("div", { class: "pane-head" }, element("h2", {}, label(subject, 120) || type.title), button("Close", closeFinding, { class: "close", "aria-keyshortcuts": "Escape" })),
    element("p", {}, severityBadge(text("severity", row)), " ", type.title),
    advice,
    element(
      "div",
      { class: "actions" },
      subject ? button("The host", () => go({ tab: "hosts", host: subject })) : "",
      button("In the graph", () => openFindingInGraph(row), { class: "to-graph" }),
      button("Copy as JSON", () => copy(record(), "The row")),
      button("Copy as CSV", () => copy(csv([findingRecord(row)]), "The row")),
    ),
    ...overDays(row),
    element("dl", { class: "facts" }, ...values),
    element("p", { class: "faint" }, `Row ${count(store.number[row])} of ${report.file}`),
  ];
}

// The same finding on the other days.
function overDays(row) {
  const number = store.finding[row];
  if (!number) return [];
  const days = [];
  store.finding.forEach((other, at) => {
    if (other === number) days.push(at);
  });
  const lines = days.map((other) => {
    const said = `${reportOf(other).day}: ${VERDICTS[text("verdict", other)] ?? VERDICTS.first}`;
    return element("li", {}, other === row ? element("strong", {}, said) : button(said, () => go({ row: other }), { class: "plain-button" }));
  });
  const gone = text("gone", days[days.length - 1]);
  if (gone) lines.push(element("li", {}, `${gone}: ${VERDICTS.gone}`));
  return [element("h3", {}, "From day to day"), element("ul", { class: "days" }, ...lines)];
}

async function openFindingInGraph(row) {
  await Promise.all([readCells(), readObjects()]);
  const id = nodeOfValue([text("subject", row), ...cellsOf(row).map(({ cell }) => cell)]);
  if (id) go({ tab: "graph", object: id });
  else say("The STIX objects of this finding are not in the page");
}
