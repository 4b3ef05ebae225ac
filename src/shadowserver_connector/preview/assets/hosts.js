// The hosts, worst first: what was found of each, and everything that is known of one.

// `key` is what a column orders by; the first has none, as \`hostsOf\` orders by it.
const HOST_COLUMNS = [
  { name: "severity", title: "Worst", downFirst: true, show: (host) => severityBadge(SEVERITIES[host.worst]) },
  { name: "subject", title: "Host", key: (host) => host.subject, show: (host) => label(host.subject, 200) },
  { name: "name", title: "Name", key: (host) => host.name, show: (host) => label(host.name, 200) },
  { name: "network", title: "Network", key: (host) => networkName(host.asn), show: (host) => label(networkName(host.asn), 80) },
  { name: "findings", title: "Findings", number: true, downFirst: true, key: (host) => host.findings, show: (host) => count(host.findings) },
  { name: "types", title: "Of which type", key: typesOf, show: typesOf },
  { name: "first", title: "First seen", key: (host) => host.first, show: (host) => readableDay(host.first) },
  { name: "last", title: "Last seen", downFirst: true, key: (host) => host.last, show: (host) => (host.open ? readableDay(host.last) : `${readableDay(host.last)}, not since`) },
];

const hostTable = { hosts: null, key: null, ordered: null, orderedKey: null };

function typesOf({ types }) {
  const ranked = [...types].sort((a, b) => b[1].worst - a[1].worst || b[1].findings - a[1].findings);
  return ranked.map(([name, { findings }]) => (findings > 1 ? `${name} (${findings})` : name)).join(", ");
}

// Rows of one finding on several days count once, as it was on the last of them.
function lastOfEach(rows) {
  const last = new Map();
  for (const row of rows) if (store.finding[row]) last.set(store.finding[row], row);
  return (row) => !store.finding[row] || last.get(store.finding[row]) === row;
}

// Hosts of some rows, the worst first: still reported before gone, by severity, by number.
function hostsOf(rows) {
  const isLast = lastOfEach(rows);
  const hosts = new Map();
  const { values, at } = store.subject;
  for (const row of rows) {
    const subject = values[at[row]];
    if (!subject) continue;
    let host = hosts.get(subject);
    if (!host) {
      host = { subject, name: "", asn: "", country: "", open: false, worst: -1, worstRow: row, atWorst: 0, findings: 0, types: new Map(), first: Infinity, last: -Infinity };
      hosts.set(subject, host);
    }
    host.first = Math.min(host.first, store.seconds[row]);
    host.last = Math.max(host.last, store.seconds[row]);
    host.name ||= text("name", row);
    host.asn ||= text("asn", row);
    host.country ||= text("country", row);
    if (isLast(row)) addFinding(host, row);
  }
  return [...hosts.values()].sort(
    (a, b) => b.open - a.open || b.worst - a.worst || b.atWorst - a.atWorst || b.findings - a.findings || a.first - b.first || collator.compare(a.subject, b.subject),
  );
}

function addFinding(host, row) {
  const open = text("gone", row) === "";
  const rank = rankOf(row);
  host.findings += 1;
  // What is gone says how bad a host is only where nothing is left.
  if ((open && !host.open) || (open === host.open && rank > host.worst)) Object.assign(host, { worst: rank, worstRow: row, atWorst: 0 });
  host.open ||= open;
  if (rank === host.worst && open === host.open) host.atWorst += 1;
  const name = reportOf(row).type;
  const type = host.types.get(name) ?? { findings: 0, worst: -1 };
  host.types.set(name, { findings: type.findings + 1, worst: Math.max(type.worst, rank) });
}

function shownHosts() {
  const rows = foundRows();
  if (hostTable.key !== found.key) Object.assign(hostTable, { hosts: hostsOf(rows), key: found.key });
  return hostTable.hosts;
}

// As the table shows them. What a column does not say comes last, whichever way round.
function orderedHosts() {
  const hosts = shownHosts();
  const { by, down } = view.order;
  const key = `${found.key} ${by} ${down}`;
  if (hostTable.orderedKey !== key) Object.assign(hostTable, { ordered: hostsBy(hosts, by, down), orderedKey: key });
  return hostTable.ordered;
}

function hostsBy(hosts, by, down) {
  const { key } = HOST_COLUMNS.find(({ name }) => name === by);
  if (!key) return down ? hosts : [...hosts].reverse();
  const compare = (x, y) => (typeof x === "number" ? x - y : collator.compare(x, y));
  return hosts
    .map((host) => [key(host), host])
    .sort(([x], [y]) => (x === "" || y === "" ? (x === "") - (y === "") : down ? compare(y, x) : compare(x, y)))
    .map(([, host]) => host);
}

function isHost(name) {
  return name !== "" && store.subject.values.includes(name);
}

// How many hosts the rows with each key have.
function hostNumbers(facet, keys, rows) {
  const { values, at } = store.subject;
  const counted = new Uint32Array(values.length);
  return keys.map((key, place) => {
    const allowed = codesAllowed(facet, new Set([key]));
    let number = 0;
    for (const row of rows) {
      if (!allowed[facet.at[row]] || counted[at[row]] === place + 1) continue;
      counted[at[row]] = place + 1;
      if (values[at[row]]) number += 1;
    }
    return number;
  });
}

// The way from what a chart shows to its hosts.
function toHosts(number, name, key) {
  if (!number) return "";
  const said = plural(number, "host");
  return button(said, () => go({ tab: "hosts", filters: only(name, key), host: null }), { class: "link to-hosts", "aria-label": `${said}: ${label(store.facets.get(name).labelOf(key), 46)}` });
}

// Lower case -> the host as it is called here: a value in STIX may be written otherwise.
const hostNames = once(() => new Map(store.subject.values.filter(Boolean).map((name) => [name.toLowerCase(), name])));

function hostNamed(name) {
  return hostNames().get(name.toLowerCase()) ?? null;
}

function hostRecord(host) {
  return {
    host: host.subject,
    name: host.name,
    asn: host.asn,
    country: host.country,
    worst_severity: SEVERITIES[host.worst],
    findings: host.findings,
    types: typesOf(host),
    first_seen: `${readableTime(host.first)}Z`,
    last_seen: `${readableTime(host.last)}Z`,
    still_reported: host.open ? "yes" : "no",
  };
}

function startHosts() {
  hostTable.made = virtualTable(byId("host-scroll"), {
    label: "Hosts",
    columns: HOST_COLUMNS,
    sortBy: (column) => go({ order: turned(view.order, column) }),
    open: ({ subject }) => go({ host: subject }),
    selected: ({ subject }) => subject === view.host,
  });
  hostTable.made.table.id = "hosts";
}

async function showHosts() {
  const before = hostTable.drawn;
  const hosts = orderedHosts();
  hostTable.drawn = hostTable.orderedKey;
  byId("host-empty").replaceChildren(...(hosts.length ? [] : [emptyState("host")]));
  byId("host-scroll").hidden = !hosts.length;
  hostTable.made.show(hosts, view.order, before === hostTable.orderedKey);
  const chosen = hosts.find(({ subject }) => subject === view.host);
  if (chosen) hostTable.made.reveal(chosen);
  await showHost();
}

function closeHost() {
  if (view.host === null) return;
  go({ host: null }).then(() => hostTable.made.focusActive());
}

async function showHost() {
  const pane = byId("host");
  pane.classList.toggle("open", view.host !== null);
  if (view.host === null || !isHost(view.host)) {
    pane.dataset.host = "";
    const said = view.host === null ? "Choose a host to see what is known of it." : `${label(view.host)} is not in this page.`;
    return pane.replaceChildren(element("p", { class: "faint" }, said), view.host === null ? "" : button("Close", closeHost));
  }
  if (pane.dataset.host === view.host) return;
  await readCells();
  pane.dataset.host = view.host;
  pane.replaceChildren(...hostDetails(view.host));
  pane.scrollTop = 0;
  if (narrow()) pane.querySelector("button").focus();
}

function rowsOfHost(subject) {
  return matching({ filters: new Map(), time: null, words: [], host: subject });
}

function hostDetails(subject) {
  const rows = rowsOfHost(subject);
  const [host] = hostsOf(rows);
  const facts = [
    ["Name", unique(rows, (row) => text("name", row)).join(", ")],
    ["Network", networkName(host.asn)],
    ["Country", overview.countries[host.country] ?? host.country],
    ["First seen", `${readableTime(host.first)} UTC`],
    ["Last seen", `${readableTime(host.last)} UTC${host.open ? "" : "; no longer reported"}`],
    ["Findings", count(host.findings)],
  ].filter(([, value]) => value);
  return [
    element("div", { class: "pane-head" }, element("h2", {}, label(subject, 200)), button("Close", closeHost, { class: "close", "aria-keyshortcuts": "Escape" })),
    element("p", {}, severityBadge(SEVERITIES[host.worst]), " ", typeOf(host.worstRow).title),
    element(
      "div",
      { class: "actions" },
      button("Its findings", () => go({ tab: "findings", filters: new Map([["subject", new Set([subject])]]), time: null, q: "", row: null })),
      button("In the graph", () => openFindingInGraph(host.worstRow), { class: "to-graph" }),
      copyButton(subject, "The host"),
      button("Copy as JSON", () => copy(JSON.stringify([...rows].map(findingRecord), null, 1), "All that is known of the host")),
    ),
    element("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, label(value, 400))])),
    element("h3", {}, "What to do"),
    element("ul", { class: "todo" }, ...adviceOf(rows)),
    ...factsOf(rows),
    element("h3", {}, `Findings (${count(rows.length)})`),
    element("ul", { class: "host-findings" }, ...rowsOfHostShown(rows)),
    ...notesOfHost(rows[0]),
  ];
}

function unique(rows, valueOf) {
  return [...new Set([...rows].map(valueOf).filter(Boolean))];
}

// A line a type, the worst first.
function adviceOf(rows) {
  const byType = new Map();
  for (const row of rows) {
    const name = reportOf(row).type;
    if (!byType.has(name) || rankOf(byType.get(name)) < rankOf(row)) byType.set(name, row);
  }
  return [...byType.values()]
    .sort((a, b) => rankOf(b) - rankOf(a))
    .map((row) => {
      const { title, todo, page } = typeOf(row);
      return element("li", {}, severityBadge(text("severity", row)), ` ${title}: ${todo || "see what it says"}. `, catalogueLink(page));
    });
}

const KINDS = [
  ["Services", (role) => ["port", "protocol", "application", "scheme"].includes(role)],
  ["Software", (role) => role.startsWith("software.")],
  ["Certificate", (role) => role.startsWith("x509.")],
  ["SSH key", (role) => role.startsWith("ssh.")],
  ["Vulnerabilities", (role) => role === "cve"],
  ["Malware", (role) => role === "malware" || role.startsWith("file.")],
  ["Names and addresses", (role) => ["ip", "network", "public_address", "hostname", "domain", "mac", "url", "email", "account"].includes(role)],
  ["Place", (role) => ["country", "region", "city", "sector", "naics", "sic", "asn", "as_name"].includes(role)],
];
const MOST_VALUES = 12;

// What the cells of its findings say, by subject; a value stands once.
function factsOf(rows) {
  const said = new Map();
  const add = (kind, title, value) => {
    if (!said.has(kind)) said.set(kind, new Map());
    const titles = said.get(kind);
    if (!titles.has(title)) titles.set(title, new Set());
    titles.get(title).add(value);
  };
  for (const row of rows) {
    for (const cve of store.cves.values[store.cves.at[row]]) add("Vulnerabilities", "CVE", cve);
    for (const tag of store.tags.values[store.tags.at[row]]) add("Services", "Tags", tag);
    for (const { title, role, cell } of cellsOf(row)) {
      const kind = KINDS.find(([, has]) => has(role))?.[0];
      if (kind) add(kind, title, cell);
    }
  }
  return KINDS.filter(([kind]) => said.has(kind)).flatMap(([kind]) => {
    const facts = [...said.get(kind)].flatMap(([title, values]) => {
      const shown = [...values].slice(0, MOST_VALUES).map((value) => label(value, 300));
      const rest = values.size - shown.length;
      return [element("dt", {}, title), element("dd", {}, shown.join(", ") + (rest ? ` and ${count(rest)} more` : ""))];
    });
    return [element("h3", {}, kind), element("dl", { class: "facts", "data-kind": kind }, ...facts)];
  });
}

const MOST_HOST_FINDINGS = 100;

function rowsOfHostShown(rows) {
  const ordered = [...sorted(rows, { by: "severity", down: true })];
  const lines = ordered.slice(0, MOST_HOST_FINDINGS).map((row) => {
    const port = text("port", row);
    const said = `${reportOf(row).type}${port ? `, port ${port}` : ""}, ${readableTime(store.seconds[row])}`;
    const status = statusOf(row);
    return element("li", {}, severityBadge(text("severity", row)), " ", button(said, () => go({ tab: "findings", row }), { class: "link" }), status ? element("span", { class: "faint" }, ` ${status}`) : "");
  });
  if (ordered.length > lines.length) lines.push(element("li", { class: "faint" }, `and ${count(ordered.length - lines.length)} more, under “Its findings”`));
  return lines;
}

// Its Notes as OpenCTI shows them; the objects are unpacked when this is opened.
function notesOfHost(row) {
  const body = element("div");
  const made = element("details", { class: "notes" }, element("summary", {}, "Its Notes in OpenCTI"), body);
  made.addEventListener("toggle", async () => {
    if (!made.open || body.childNodes.length) return;
    await readObjects();
    const id = nodeOfValue([text("subject", row), ...cellsOf(row).map(({ cell }) => cell)]);
    const notes = id ? neighboursOf(id).map((link) => objects().get(link.id)).filter(({ type }) => type === "note") : [];
    const shown = [...new Set(notes)].map((note) => element("article", {}, element("h4", {}, label(note.abstract, 300)), markdown(note.content)));
    body.replaceChildren(...(shown.length ? shown : [element("p", { class: "faint" }, noNotes())]));
  });
  return [made];
}

function noNotes() {
  return overview.drawn < overview.findings
    ? `None in this page: it has the STIX objects of ${count(overview.drawn)} of ${plural(overview.findings, "finding")}.`
    : "None: the settings make none.";
}
