// The overview: totals, charts by plotly.js, and the reports.

const CHARTS = [
  ["time", "Findings over time", "wide"],
  ["severity", "By severity", ""],
  ["type", "By report type", ""],
  ["asn", "By autonomous system", ""],
  ["country", "By country", ""],
  ["tag", "Top tags", ""],
  ["cve", "Top CVEs", ""],
  ["object", "STIX objects in the graph, by type", ""],
];

const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, showLink: false };
const ROW = 22;

function chartLayout(extra) {
  const text = colour("text");
  return {
    font: { family: "system-ui, sans-serif", size: 12, color: text },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { t: 6, r: 44, b: 28, l: 8 },
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: text } },
    showlegend: false,
    dragmode: false,
    ...extra,
  };
}

function drawBars(box, name, rows, choose) {
  const colours = rows.map(([key]) =>
    name === "severity" ? colour(key) : name === "object" ? typeColour(key) : colour("accent"),
  );
  const trace = {
    type: "bar",
    orientation: "h",
    y: rows.map((_, index) => index),
    x: rows.map((row) => row[2]),
    text: rows.map((row) => count(row[2])),
    textposition: "outside",
    cliponaxis: false,
    hoverinfo: "text",
    hovertext: rows.map(([, text, number]) => `${label(text, 200)}: ${count(number)}`),
    marker: { color: colours },
  };
  const layout = chartLayout({
    height: rows.length * ROW + 14,
    bargap: 0.3,
    margin: { t: 4, r: 56, b: 6, l: 8 },
    xaxis: { visible: false, fixedrange: true, rangemode: "tozero" },
    yaxis: {
      automargin: true,
      autorange: "reversed",
      fixedrange: true,
      tickmode: "array",
      tickvals: rows.map((_, index) => index),
      ticktext: rows.map(([, text]) => `${label(text, 34)} `),
    },
  });
  Plotly.newPlot(box, [trace], layout, CONFIG);
  if (choose) box.on("plotly_click", ({ points }) => choose(rows[points[0].pointIndex]));
}

function drawTime(box, { unit, keys, series }, choose) {
  const moments = keys.map((key) => (unit === "hour" ? `${key}:00` : key));
  const traces = Object.entries(series).map(([severity, numbers]) => ({
    type: "bar",
    name: severity,
    x: moments,
    y: numbers,
    marker: { color: colour(severity) },
    hovertemplate: `%{x}: %{y} ${severity}<extra></extra>`,
  }));
  const layout = chartLayout({
    height: 230,
    barmode: "stack",
    bargap: 0.15,
    showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "reversed" },
    margin: { t: 30, r: 12, b: 40, l: 48, autoexpand: false },
    xaxis: { fixedrange: true, type: unit === "hour" || unit === "day" ? "date" : "category" },
    yaxis: { fixedrange: true, gridcolor: colour("line"), rangemode: "tozero" },
  });
  Plotly.newPlot(box, traces, layout, CONFIG);
  box.on("plotly_click", ({ points }) => {
    const key = keys[points[0].pointIndex];
    choose([key, key.replace("T", " ") + (unit === "hour" ? "h" : "")]);
  });
}

// The numbers behind a chart, for keyboards and screen readers.
function numbersOf(rows, choose) {
  const lines = rows.map((row) =>
    element(
      "tr",
      {},
      element(
        "th",
        { scope: "row" },
        choose ? element("button", { class: "link", on: { click: () => choose(row) } }, row[1]) : row[1],
      ),
      element("td", {}, count(row[2])),
    ),
  );
  return element(
    "details",
    {},
    element("summary", {}, "Numbers"),
    element("table", { class: "plain" }, element("tbody", {}, ...lines)),
  );
}

function timeRows({ keys, series }) {
  return keys.map((key, index) => [
    key,
    key.replace("T", " ") + (key.length === 13 ? "h" : ""),
    Object.values(series).reduce((sum, numbers) => sum + numbers[index], 0),
  ]);
}

function drawCharts(filterBy) {
  const boxes = CHARTS.flatMap(([name, title, width]) => {
    const data = overview.charts[name];
    const rows = name === "time" ? timeRows(data) : data;
    if (!rows.length) return [];
    const choose = name === "object" ? null : ([key, text]) => filterBy(name, key, text);
    const box = element("div", { class: "plot", "aria-hidden": "true" });
    const figure = element(
      "figure",
      { class: width, "data-chart": name },
      element("figcaption", {}, title),
      box,
      numbersOf(rows, choose),
    );
    byId("charts").append(figure);
    return [() => (name === "time" ? drawTime(box, data, choose) : drawBars(box, name, rows, choose))];
  });
  boxes.forEach((draw) => draw());
}

function showTotals() {
  const { reports, findings: all, objects, failed } = overview;
  const days = [...new Set(reports.map((report) => report.day))].sort();
  const types = new Set(reports.map((report) => report.type)).size;
  const first = days[0];
  const last = days.at(-1);
  const span = first === last ? first : `${first} to ${last}`;
  byId("covered").textContent = `${plural(reports.length, "report")}, ${span}`;
  byId("marking").textContent = overview.marking;
  byId("program").textContent = `Written by ${overview.program}`;
  const severe = SEVERITIES.slice(3).reduce((sum, name) => sum + severityTotal(name), 0);
  const totals = [
    ["Findings", all],
    ["High or critical", severe],
    ["Report types", types],
    ["STIX objects in the graph", objects],
    ...(failed.length ? [["Reports that failed", failed.length]] : []),
  ];
  byId("totals").append(
    ...totals.map(([name, number]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, count(number))),
    ),
  );
}

function severityTotal(severity) {
  const row = overview.charts.severity.find(([key]) => key === severity);
  return row ? row[2] : 0;
}

function showNotice() {
  const sentences = [];
  if (overview.shown < overview.findings) {
    sentences.push(
      `The charts count all ${count(overview.findings)} findings. The table and the graph hold ` +
        `${count(overview.shown)} of them, each report's first ones; the list of reports says how many.`,
    );
  }
  const left = overview.reports.reduce((sum, report) => sum + report.filtered + report.cut, 0);
  if (left) sentences.push(`The settings leave out ${plural(left, "row")}.`);
  for (const [file, reason] of overview.failed) sentences.push(`Failed: ${file}: ${reason}`);
  const notice = byId("notice");
  notice.hidden = !sentences.length;
  notice.textContent = sentences.join("\n");
}

function showReports(filterBy) {
  const headings = ["Day", "Report", "Severity", "Rows", "Findings", "Shown", "File"];
  const rows = overview.reports.map((report) =>
    element(
      "tr",
      {},
      element("td", {}, report.day),
      element(
        "td",
        { title: report.about },
        element(
          "button",
          { class: "link", on: { click: () => filterBy("type", report.type, report.type) } },
          report.title,
        ),
      ),
      element("td", {}, severityBadge(report.severity)),
      element("td", { class: "number" }, count(report.rows)),
      element("td", { class: "number" }, count(report.findings)),
      element("td", { class: report.shown < report.findings ? "number less" : "number" }, count(report.shown)),
      element("td", { class: "file" }, report.file),
    ),
  );
  byId("reports").append(
    element("thead", {}, element("tr", {}, ...headings.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows),
  );
}
