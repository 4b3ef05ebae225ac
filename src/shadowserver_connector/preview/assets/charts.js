// Charts: bars that lead to their findings, and bars over time of which a span can be chosen.

const BARS = 8;
const MOST_BINS = 124;
const CHART_HEIGHT = 150;
const AXIS = { left: 44, right: 8, top: 8, bottom: 22 };
const HOUR = 3600;
const DAY = 24 * HOUR;

function figure(name, title, ...children) {
  return element("figure", { "data-chart": name }, element("figcaption", {}, title), ...children);
}

// A facet's largest keys; a bar filters by its key and shows the findings, or their hosts.
function barChart(facet) {
  const filters = new Map([...view.filters].filter(([name]) => name !== facet.name));
  const rows = filters.size === view.filters.size ? foundRows() : matching(asked(), facet.name);
  const counts = countKeys(facet, rows);
  const largest = Math.max(1, ...counts.map(([, number]) => number));
  const shown = counts.slice(0, BARS);
  const hosts = hostNumbers(facet, shown.map(([key]) => key), rows);
  const bars = shown.map(([key, number], place) => {
    const bar = element("span", { class: `bar ${facet.name === "severity" ? key : ""}`, style: { width: `${(100 * number) / largest}%` } });
    const chosen = view.filters.get(facet.name)?.has(key) ?? false;
    return element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "bar-line", "aria-pressed": String(chosen), on: { click: () => go({ tab: "findings", filters: only(facet.name, key), row: null }) } },
        element("span", { class: "bar-name" }, label(facet.labelOf(key), 46)),
        element("span", { class: "bar-number" }, count(number)),
        element("span", { class: "track" }, bar),
      ),
      toHosts(hosts[place], facet.name, key),
    );
  });
  const more = counts.length > BARS ? element("p", { class: "faint" }, `and ${count(counts.length - BARS)} more, in the filters`) : "";
  return figure(facet.name, facet.title, element("ol", { class: "bars" }, ...bars), more);
}

// ---- Time

// Bins of equal unit that cover the findings; a single one has its whole day around it.
function timeBins(rows) {
  let [from, to] = [Infinity, -Infinity];
  for (const row of rows) {
    from = Math.min(from, store.seconds[row]);
    to = Math.max(to, store.seconds[row]);
  }
  if (from > to) return [];
  const day = Math.floor(from / DAY) * DAY;
  const end = (Math.floor(to / DAY) + 1) * DAY;
  if ((end - day) / HOUR <= MOST_BINS) return steps(day, end, HOUR, (at) => readableTime(at).slice(0, 13) + ":00");
  if ((end - day) / DAY <= MOST_BINS) return steps(day, end, DAY, readableDay);
  const months = calendar(from, to, 1);
  return months.length <= MOST_BINS ? months : calendar(from, to, 12);
}

function steps(from, to, step, name) {
  const bins = [];
  for (let at = from; at < to; at += step) bins.push({ from: at, to: at + step, name: name(at) });
  return bins;
}

function calendar(from, to, months) {
  const start = new Date(from * 1000);
  const bins = [];
  for (let step = 0; ; step += months) {
    const month = months === 12 ? 0 : start.getUTCMonth();
    const [begin, end] = [step, step + months].map((add) => Date.UTC(start.getUTCFullYear(), month + add) / 1000);
    if (begin > to) return bins;
    bins.push({ from: begin, to: end, name: readableDay(begin).slice(0, months === 12 ? 4 : 7) });
  }
}

function binOf(bins, seconds) {
  let [low, high] = [0, bins.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (bins[middle].from <= seconds) low = middle;
    else high = middle - 1;
  }
  return low;
}

function timeChart() {
  const rows = view.time ? matching(asked(), "time") : foundRows();
  const bins = timeBins(rows);
  const series = [...SEVERITIES].reverse().map((name) => ({ name, values: new Uint32Array(bins.length) }));
  const top = SEVERITIES.length - 1;
  for (const row of rows) series[top - rankOf(row)].values[binOf(bins, store.seconds[row])] += 1;
  const unit = bins.length > 1 && bins[1].from - bins[0].from === HOUR ? "by hour" : "over time";
  const used = series.filter(({ values }) => values.some(Boolean));
  const made = figure("time", `Findings ${unit} (UTC); drag across a span to choose it`, ...spanFields(bins));
  made.classList.add("wide");
  if (bins.length) made.append(stacked(bins, used, (first, last) => go({ time: [bins[first].from, bins[last].to] })));
  made.append(legend(used.map(({ name }) => [name, name])));
  return made;
}

// The same by keyboard.
function spanFields(bins) {
  if (!bins.length) return [];
  const field = (title, edge, value) => {
    const options = bins.map((bin) => element("option", { value: bin[edge], selected: bin[edge] === value }, edge === "from" ? bin.name : `${bin.name} (to its end)`));
    return element("label", {}, `${title} `, element("select", { "data-span": edge, on: { change: chooseSpan } }, ...options));
  };
  const from = bins[view.time ? binOf(bins, view.time[0]) : 0].from;
  const to = bins[view.time ? binOf(bins, view.time[1] - 1) : bins.length - 1].to;
  const clear = view.time ? [button("All times", () => go({ time: null }))] : [];
  const ways = [
    button(plural(foundRows().length, "finding"), () => go({ tab: "findings", row: null })),
    button(plural(shownHosts().length, "host"), () => go({ tab: "hosts", host: null }), { class: "to-hosts" }),
  ];
  return [element("div", { class: "span" }, field("From", "from", from), field("To", "to", to), ...clear, ...ways)];
}

function chooseSpan(event) {
  const [from, to] = ["from", "to"].map((edge) => Number(event.target.closest(".span").querySelector(`[data-span=${edge}]`).value));
  if (from < to) go({ time: [from, to] });
  else say("The span ends before it begins");
}

function legend(entries) {
  return element("ul", { class: "legend" }, ...entries.map(([name, title]) => element("li", {}, element("span", { class: `key ${name}` }), title)));
}

// Stacked bars; `choose(first, last)` is called with the bins that were dragged across.
function stacked(bins, series, choose) {
  const sums = bins.map((_, bin) => series.reduce((sum, { values }) => sum + values[bin], 0));
  const most = Math.max(1, ...sums);
  const host = element("div", { class: "drawn" });
  const said = `${plural(sums.reduce((a, b) => a + b, 0), "finding")} from ${bins[0].name} to ${bins[bins.length - 1].name}; most in one bar: ${count(most)}`;

  function draw() {
    const width = Math.max(240, host.clientWidth);
    const svg = drawing("svg", { width, height: CHART_HEIGHT, role: "img", "aria-label": said });
    const room = width - AXIS.left - AXIS.right;
    const tall = CHART_HEIGHT - AXIS.top - AXIS.bottom;
    const step = room / bins.length;
    const x = (bin) => AXIS.left + bin * step;
    const y = (value) => AXIS.top + tall * (1 - value / most);
    for (const value of most > 1 ? [0, most / 2, most] : [0, most]) {
      svg.append(drawing("line", { class: "grid", x1: AXIS.left, x2: width - AXIS.right, y1: y(value), y2: y(value) }));
      if (Number.isInteger(value)) svg.append(drawing("text", { x: AXIS.left - 6, y: y(value) + 4, "text-anchor": "end" }, count(value)));
    }
    bins.forEach((bin, index) => {
      let below = 0;
      const stack = drawing("g", {}, drawing("title", {}, `${bin.name}: ${count(sums[index])}`));
      for (const { name, values } of series) {
        if (!values[index]) continue;
        const height = (tall * values[index]) / most;
        stack.append(drawing("rect", { class: `fill ${name}`, x: x(index) + step * 0.08, width: Math.max(1, step * 0.84), y: y(below) - height, height }));
        below += values[index];
      }
      svg.append(stack);
    });
    const every = Math.max(1, Math.ceil(96 / step));
    bins.forEach((bin, index) => {
      if (index % every) return;
      const edge = x(index) + 40 > width;
      svg.append(drawing("text", { x: edge ? width - AXIS.right : x(index) + step / 2, y: CHART_HEIGHT - 6, "text-anchor": edge ? "end" : index ? "middle" : "start" }, bin.name.slice(bins.length > 24 && bin.name.length > 13 ? 5 : 0)));
    });
    if (choose) brush(svg, x, step, bins.length, choose);
    host.replaceChildren(svg);
  }

  new ResizeObserver(draw).observe(host);
  return host;
}

function brush(svg, x, step, bins, choose) {
  const shade = drawing("rect", { class: "brush", y: AXIS.top, height: CHART_HEIGHT - AXIS.top - AXIS.bottom, width: 0 });
  let start = null;
  const at = (event) => {
    const place = event.clientX - svg.getBoundingClientRect().left;
    return Math.min(bins - 1, Math.max(0, Math.floor((place - AXIS.left) / step)));
  };
  const span = (event) => [Math.min(start, at(event)), Math.max(start, at(event))];
  svg.append(shade);
  svg.addEventListener("pointerdown", (event) => {
    start = at(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [first, last] = span(event);
    shade.setAttribute("x", x(first));
    shade.setAttribute("width", (last - first + 1) * step);
  });
  svg.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const [first, last] = span(event);
    start = null;
    choose(first, last);
  });
  svg.addEventListener("pointercancel", () => {
    start = null;
    shade.setAttribute("width", 0);
  });
}

// ---- From day to day: each finding counts once a day, and as gone on the first day without it

function dayChart() {
  const names = Object.keys(VERDICTS).reverse();
  const days = [...new Set(overview.reports.map(({ day }) => day))].sort();
  const bins = days.map((day) => ({ name: day }));
  const series = names.map((name) => ({ name, values: new Uint32Array(days.length), seen: days.map(() => new Set()) }));
  const add = (row, name, day) => {
    const each = series[names.indexOf(name)];
    const at = days.indexOf(day);
    const number = store.finding[row];
    if (number && each.seen[at].has(number)) return;
    if (number) each.seen[at].add(number);
    each.values[at] += 1;
  };
  for (const row of foundRows()) {
    add(row, text("verdict", row) || "first", reportOf(row).day);
    if (text("gone", row)) add(row, "gone", text("gone", row));
  }
  const used = series.filter(({ values }) => values.some(Boolean));
  const hosts = hostNumbers(store.facets.get("status"), used.map(({ name }) => name), foundRows());
  const numbers = used.map(({ name, values }, place) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, element("span", { class: `key ${name}` }), button(VERDICTS[name], () => go({ tab: "findings", filters: only("status", name), row: null }), { class: "plain-button" })),
      ...Array.from(values, (value, at) => element("td", { class: "number" }, name === "gone" && at === 0 ? "" : count(value))),
      element("td", {}, toHosts(hosts[place], "status", name)),
    ),
  );
  const head = element("tr", {}, element("th", { scope: "col" }, "Findings"), ...days.map((day) => element("th", { scope: "col", class: "number" }, day)), element("th", { scope: "col" }, "Hosts"));
  const table = element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...numbers));
  const made = figure("status", "From one day to the next, by type and list", element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Findings from day to day" }, table));
  made.classList.add("wide");
  if (used.length) made.insertBefore(stacked(bins, used, null), made.lastChild);
  return made;
}
