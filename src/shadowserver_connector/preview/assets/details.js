// One object: its properties, and its neighbours as a list that works by keyboard.

const SHOWN_REFS = 10;
const SHOWN_LINKS = 12;

function objectLink(id) {
  const stix = objects().get(id);
  if (!stix) return element("code", {}, id);
  return button(`${stix.type}: ${label(nameOf(stix), 200)}`, () => go({ object: id }), { class: "link", title: id });
}

function valueOf(name, value) {
  if (name.endsWith("_ref")) return objectLink(value);
  if (name.endsWith("_refs")) {
    const links = value.slice(0, SHOWN_REFS).map((id) => element("li", {}, objectLink(id)));
    const rest = value.length - links.length;
    if (rest) links.push(element("li", { class: "faint" }, `and ${count(rest)} more`));
    return element("ul", {}, ...links);
  }
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    return element("ul", {}, ...value.map((item) => element("li", {}, item)));
  }
  if (typeof value === "object" && value !== null) return JSON.stringify(value, null, 1);
  if (name === "content" || name === "description") return markdown(String(value));
  return String(value);
}

function linkGroup(title, links) {
  const list = element("ul", {});
  let from = 0;
  const more = button("Show more", () => show(50), { class: "action" });
  const show = (number) => {
    for (const { id, via } of links.slice(from, from + number)) {
      const parts = [objectLink(id)];
      if (via) {
        parts.push(" ", button("(relationship)", () => go({ object: via }), { class: "link faint" }));
      }
      list.append(element("li", {}, ...parts));
    }
    from += number;
    more.hidden = from >= links.length;
  };
  show(SHOWN_LINKS);
  return [element("h4", {}, `${title} (${count(links.length)})`), list, more];
}

function showObject(id) {
  const stix = objects().get(id);
  const groups = new Map();
  for (const link of neighboursOf(id)) {
    const title = link.out ? `${link.kind} →` : `← ${link.kind}`;
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title).push(link);
  }
  const properties = Object.entries(stix).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, valueOf(name, value))),
  );
  const host = hostNamed(nameOf(stix));
  const kind = element("p", { class: "kind" }, stix.type);
  kind.style.setProperty("--type", typeColour(stix.type));
  byId("object").replaceChildren(
    kind,
    element("h2", {}, label(nameOf(stix), 400)),
    element(
      "div",
      { class: "actions" },
      host ? button("The host", () => go({ tab: "hosts", host })) : "",
      copyButton(JSON.stringify(stix, null, 1), "The STIX object", "Copy STIX"),
    ),
    element("dl", { class: "facts" }, ...properties),
    element("h3", {}, "Neighbours"),
    ...[...groups].flatMap(([title, links]) => linkGroup(title, links)),
  );
  byId("object").scrollTop = 0;
}

// A search box whose hits are a list to walk through with the arrow keys.
function startJump(choose) {
  const box = byId("jump");
  const list = byId("hits");
  let hits = [];
  let active = -1;

  const close = () => {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const take = (stix) => {
    close();
    choose(stix);
  };
  const mark = (index) => {
    active = index;
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === index)));
    box.setAttribute("aria-activedescendant", `hit-${index}`);
    list.children[index]?.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    hits = searchObjects(box.value.trim(), HITS);
    active = -1;
    list.replaceChildren(
      ...hits.map((stix, index) =>
        element(
          "li",
          { role: "option", id: `hit-${index}`, "aria-selected": "false", on: { mousedown: (event) => {
            event.preventDefault();
            take(stix);
          } } },
          element("span", { class: "faint" }, `${stix.type} `),
          label(nameOf(stix), 200),
        ),
      ),
    );
    if (!hits.length) list.append(element("li", { role: "option", "aria-disabled": "true", "aria-selected": "false", class: "faint" }, "no object"));
    list.hidden = !box.value.trim();
    box.setAttribute("aria-expanded", String(!list.hidden));
  };
  box.addEventListener("input", search);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return close();
    if (event.key === "Enter" && !list.hidden && hits.length) return take(hits[Math.max(active, 0)]);
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && hits.length) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark((active + step + hits.length) % hits.length);
    }
  });
}
