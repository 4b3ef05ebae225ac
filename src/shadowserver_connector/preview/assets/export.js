// What is shown, as a file or on the clipboard.

// A spreadsheet takes a cell that begins with one of these for a formula.
const FORMULA = /^[=+\-@\t\r]/;

function csvCell(value) {
  const plain = String(value ?? "");
  const safe = FORMULA.test(plain) ? `'${plain}` : plain;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv(records) {
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const lines = [names, ...records.map((record) => names.map((name) => record[name]))];
  return lines.map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function findingRecord(row) {
  const { type, day, list, file } = reportOf(row);
  const said = {
    report: file,
    report_type: type,
    report_day: day,
    report_list: list,
    row: store.number[row],
    found_at: `${readableTime(store.seconds[row])}Z`,
    found_severity: text("severity", row),
    status: statusOf(row),
  };
  for (const { name, cell } of cellsOf(row)) said[name] = cell;
  return said;
}

function download(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function exportShown(format) {
  let records;
  if (view.tab === "hosts") {
    records = orderedHosts().map(hostRecord);
  } else {
    await readCells();
    records = [...sorted(foundRows(), view.sort)].map(findingRecord);
  }
  const name = `shadowserver-${view.tab === "hosts" ? "hosts" : "findings"}.${format}`;
  if (format === "csv") download(name, "text/csv", csv(records));
  else download(name, "application/json", JSON.stringify(records, null, 1));
  say(`${plural(records.length, "record")} saved as ${name}`);
}

async function copy(content, what) {
  try {
    await navigator.clipboard.writeText(content);
  } catch {
    // Where the browser gives no clipboard to a file, it copies what is selected.
    const area = element("textarea", { class: "offscreen" });
    area.value = content;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`${what} copied`);
}

function copyButton(content, what, label = "Copy") {
  return button(label, () => copy(content, what), { class: "copy", "aria-label": `${label}: ${what}` });
}
