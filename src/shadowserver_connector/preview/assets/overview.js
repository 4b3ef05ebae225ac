// The first screen: what is worst, where, since when, and what to do; then the charts.

const WORST = 10;

function showTotals() {
  const rows = foundRows();
  const hosts = shownHosts();
  const worst = rows.length ? countKeys(store.facets.get("severity"), rows) : [];
  const numberOf = (severity) => worst.find(([name]) => name === severity)?.[1] ?? 0;
  const totals = [
    ["Findings", count(rows.length)],
    ["Hosts", count(hosts.length)],
    ["Critical", count(numberOf("critical"))],
    ["High", count(numberOf("high"))],
    ["Reports", count(overview.reports.length)],
  ];
  byId("totals").replaceChildren(
    ...totals.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

function showCovered() {
  const days = [...new Set(overview.reports.map(({ day }) => day))].sort();
  const covered = days.length > 1 ? `${days[0]} to ${days[days.length - 1]}` : (days[0] ?? "");
  byId("covered").textContent = `${plural(overview.reports.length, "report")}, ${covered}`;
  document.title = `Shadowserver reports, ${covered}`;
  byId("marking").textContent = overview.marking;
  byId("program").textContent = `${overview.program}. This page makes no request; what it shows is in it.`;
}

function showNotice() {
  const lines = [];
  if (overview.shown < overview.findings) {
    lines.push(`The page has the worst ${count(overview.shown)} of ${plural(overview.findings, "finding")}; with --max-findings it takes others.`);
  }
  const sum = (name) => overview.reports.reduce((all, report) => all + report[name], 0);
  if (sum("filtered")) lines.push(`${plural(sum("filtered"), "row")} below the severity that is set are left out.`);
  if (sum("cut")) lines.push(`${plural(sum("cut"), "row")} beyond the findings of a report that are set are left out.`);
  for (const [file, reason] of overview.failed) lines.push(`${label(file, 200)} could not be read: ${label(reason, 500)}`);
  byId("notice").hidden = !lines.length;
  byId("notice").textContent = lines.join("\n");
}

function worstHosts() {
  const hosts = shownHosts().slice(0, WORST);
  if (!hosts.length) return [emptyState("host")];
  const head = ["Worst", "Host", "Network", "What was found", "Since", "What to do"].map((title) => element("th", { scope: "col" }, title));
  const lines = hosts.map((host) => {
    const { title, todo } = typeOf(host.worstRow);
    const others = host.findings - 1;
    const network = host.asn ? button(label(networkName(host.asn), 40), () => go({ tab: "hosts", filters: only("asn", host.asn), host: null }), { class: "link" }) : "";
    return element(
      "tr",
      {},
      element("td", { "data-title": "Worst" }, severityBadge(SEVERITIES[host.worst])),
      element("td", { "data-title": "Host" }, button(label(host.subject, 80), () => go({ tab: "hosts", host: host.subject }), { class: "link host" }), host.name && host.name !== host.subject ? element("div", { class: "faint" }, label(host.name, 60)) : ""),
      element("td", { "data-title": "Network" }, network),
      element("td", { "data-title": "What was found" }, title, others ? element("div", { class: "faint" }, `and ${plural(others, "other finding")}`) : ""),
      element("td", { "data-title": "Since" }, readableDay(host.first), host.open ? "" : element("div", { class: "faint" }, "no longer reported")),
      element("td", { "data-title": "What to do" }, todo ? `${todo[0].toUpperCase()}${todo.slice(1)}.` : ""),
    );
  });
  const table = element("table", { class: "plain stacking", id: "worst" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines));
  const all = shownHosts().length;
  return [element("div", { class: "scroll" }, table), all > WORST ? button(`All ${count(all)} hosts`, () => go({ tab: "hosts", host: null })) : ""];
}

function showReports() {
  const byType = new Map();
  for (const report of overview.reports) {
    const type = byType.get(report.type) ?? { reports: 0, findings: 0, shown: 0, worst: 0, files: [] };
    type.reports += 1;
    type.findings += report.findings;
    type.worst = Math.max(type.worst, SEVERITIES.indexOf(report.severity));
    type.files.push(report);
    byType.set(report.type, type);
  }
  const ranked = [...byType].sort((a, b) => b[1].worst - a[1].worst || b[1].findings - a[1].findings);
  byId("reports").replaceChildren(...ranked.map(([name, type]) => reportsOfType(name, type)));
}

function reportsOfType(name, { reports, findings, worst, files }) {
  const { title, about, page } = overview.types[name];
  const lines = files.map(({ file, rows, findings: kept, severity }) =>
    element("li", {}, severityBadge(severity), ` ${label(file, 200)}: ${plural(kept, "finding")}${rows === kept ? "" : ` of ${plural(rows, "row")}`}`),
  );
  return element(
    "details",
    { class: "report" },
    element("summary", {}, severityBadge(SEVERITIES[worst]), element("span", { class: "report-title" }, ` ${title} `), element("span", { class: "faint" }, `${name}, ${plural(findings, "finding")} in ${plural(reports, "report")}`)),
    element("p", {}, about, " ", catalogueLink(page)),
    element("p", {}, button("Its findings", () => go({ tab: "findings", filters: only("type", name), row: null })), " ", button("Its hosts", () => go({ tab: "hosts", filters: only("type", name), host: null }), { class: "to-hosts" })),
    element("ul", { class: "files" }, ...lines),
  );
}

const CHARTS = ["severity", "type", "asn", "country", "tag", "cve", "malware", "port"];

function showOverview() {
  showTotals();
  byId("worst-hosts").replaceChildren(...worstHosts());
  const charts = CHARTS.map((name) => store.facets.get(name)).filter((facet) => facet.sets.some((set) => set.length));
  byId("charts").replaceChildren(
    ...(store.facets.has("status") ? [dayChart()] : []),
    timeChart(),
    element("div", { class: "columns" }, ...charts.map(barChart)),
  );
}
