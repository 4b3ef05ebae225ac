// What the page was given, and how it is put on the page: as text, never as markup.

const SEVERITIES = ["info", "low", "medium", "high", "critical"];

const FACETS = {
  severity: "Severity",
  type: "Type",
  asn: "AS",
  country: "Country",
  tag: "Tag",
  cve: "CVE",
  time: "Time",
};

function read(name) {
  return JSON.parse(document.getElementById(`data-${name}`).textContent);
}

// What is large is packed in the page: name -> JSON, until it is read.
const unpacked = new Map();

async function unpack(name) {
  const letters = atob(document.getElementById(`data-${name}`).textContent);
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  unpacked.set(name, await new Response(stream).text());
}

function readUnpacked(name) {
  const value = JSON.parse(unpacked.get(name));
  unpacked.delete(name);
  return value;
}

function once(make) {
  let made;
  return () => (made ??= make());
}

const overview = read("overview");

// One flat object a finding: what the table shows, sorts and searches.
const findings = once(() =>
  readUnpacked("findings").flatMap((report, index) => {
    const { file, type, title } = overview.reports[index];
    const { columns, at, rows } = report;
    return rows.map(([number, severity, time, asn, country, tags, cves, cells]) => ({
      file,
      type,
      title,
      columns,
      cells,
      number,
      severity,
      time,
      asn,
      country,
      tags,
      cves,
      address: cells[at.address] ?? "",
      port: cells[at.port] ?? "",
      hostname: cells[at.hostname] ?? "",
    }));
  }),
);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value === true) {
      made.setAttribute(name, "");
    } else if (value !== false && value != null) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function count(number) {
  return number.toLocaleString("en");
}

function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

function readableTime(time) {
  return time.slice(0, 19).replace("T", " ");
}

function severityBadge(severity) {
  return element("span", { class: `severity ${severity}` }, severity);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// plotly.js reads a small set of tags in labels; a character reference is text to it.
function label(text, most = 60) {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  const line = cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
