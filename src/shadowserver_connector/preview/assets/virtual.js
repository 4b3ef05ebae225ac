// A table of any length: only the rows that are in sight are elements.

const ROW = 34;
const ROW_ON_PHONES = 68;
const SPARE = 8;

// columns: [{ name, title, number, show(item) }]; `open(item)` is called for the chosen row,
// `sortBy(column)` for the chosen heading.
function virtualTable(scroll, { label: name, columns, open, sortBy, selected }) {
  const body = element("tbody");
  const head = element("thead");
  const widths = element("colgroup", {}, ...columns.map((column) => element("col", { class: `of-${column.name}` })));
  const table = element("table", { "aria-label": name, class: "virtual" }, widths, head, body);
  const state = { items: [], active: 0, sort: null, drawn: null };
  scroll.tabIndex = -1;
  scroll.replaceChildren(table);

  const height = () => (narrow() ? ROW_ON_PHONES : ROW);

  function spacer(rows) {
    const cell = element("td", { colspan: columns.length, style: { height: `${rows * height()}px`, padding: "0", border: "0" } });
    return element("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  }

  function rowOf(index) {
    const item = state.items[index];
    const cells = columns.map((column) =>
      element(
        "td",
        { class: `of-${column.name}${column.number ? " number" : ""}` },
        element("div", { class: "clip" }, column.show(item)),
      ),
    );
    return element(
      "tr",
      {
        class: "row",
        tabindex: index === state.active ? 0 : -1,
        "data-index": index,
        "aria-rowindex": index + 2,
        "aria-selected": String(selected(item)),
        on: { click: () => chosen(index) },
      },
      ...cells,
    );
  }

  // Rows that stay are not made anew, so that none is replaced under the pointer.
  function draw(anew = true) {
    const first = Math.max(0, Math.floor(scroll.scrollTop / height()) - SPARE);
    const last = Math.min(state.items.length, first + Math.ceil(scroll.clientHeight / height()) + 2 * SPARE);
    const drawn = `${first} ${last} ${height()}`;
    if (!anew && drawn === state.drawn) return;
    state.drawn = drawn;
    const focused = body.contains(document.activeElement);
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(rowOf(index));
    body.replaceChildren(spacer(first), ...rows, spacer(state.items.length - last));
    if (!focused) return;
    (body.querySelector(`[data-index="${state.active}"]`) ?? scroll).focus({ preventScroll: true });
  }

  function drawHead() {
    const focused = document.activeElement?.dataset?.sort;
    const cells = columns.map((column) => {
      const direction = state.sort.by === column.name ? (state.sort.down ? "descending" : "ascending") : "none";
      const inside = button(column.title, () => sortBy(column), { "data-sort": column.name });
      return element("th", { scope: "col", class: `of-${column.name}${column.number ? " number" : ""}`, "aria-sort": direction }, inside);
    });
    head.replaceChildren(element("tr", {}, ...cells));
    if (focused) head.querySelector(`[data-sort="${focused}"]`)?.focus();
  }

  function chosen(index) {
    state.active = index;
    open(state.items[index]);
  }

  function moveTo(index) {
    state.active = Math.min(Math.max(index, 0), state.items.length - 1);
    const top = state.active * height();
    const room = scroll.clientHeight - head.offsetHeight - height();
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top > scroll.scrollTop + room) scroll.scrollTop = top - room;
    draw();
    focusActive();
  }

  function focusActive() {
    body.querySelector(`[data-index="${state.active}"]`)?.focus({ preventScroll: true });
  }

  scroll.addEventListener("scroll", () => requestAnimationFrame(() => draw(false)), { passive: true });
  scroll.addEventListener("keydown", (event) => {
    if (head.contains(event.target)) return;
    const page = Math.max(1, Math.floor(scroll.clientHeight / height()) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      event.preventDefault();
      moveTo(state.active + steps[event.key]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (state.items.length) chosen(state.active);
    }
  });
  new ResizeObserver(() => draw(false)).observe(scroll);

  return {
    table,
    focusActive,
    // `same` items are drawn anew where they are; others begin at the top.
    show(items, sort, same) {
      state.items = items;
      state.sort = sort;
      table.setAttribute("aria-rowcount", items.length + 1);
      if (!same) {
        state.active = 0;
        scroll.scrollTop = 0;
      }
      drawHead();
      draw();
    },
    // Brings an item into sight, as a link may lead to one far down.
    reveal(item) {
      const index = state.items.indexOf(item);
      if (index < 0) return;
      state.active = index;
      const top = index * height();
      if (top < scroll.scrollTop || top > scroll.scrollTop + scroll.clientHeight - 3 * height()) {
        scroll.scrollTop = Math.max(0, top - scroll.clientHeight / 3);
      }
      draw();
    },
  };
}
