// How things are put on the page: as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function set(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (name === "style") {
      for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    } else if (value === true) {
      made.setAttribute(name, "");
    } else if (value !== false && value != null) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

function element(tag, attributes = {}, ...children) {
  return set(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return set(document.createElementNS(SVG, tag), attributes, children);
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

function readableTime(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

function readableDay(seconds) {
  return readableTime(seconds).slice(0, 10);
}

function severityBadge(severity) {
  return element("span", { class: `severity ${severity}` }, severity);
}

// Characters that show nothing, or turn the direction of what follows, would deceive the eye.
function label(text, most = 60) {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

function button(text, click, attributes = {}) {
  return element("button", { type: "button", ...attributes, on: { click } }, text);
}

// A page of Shadowserver's, as the catalogue names it; no cell ever becomes a link.
function catalogueLink(url) {
  if (!url.startsWith("https://www.shadowserver.org/")) return "";
  const attributes = { href: url, target: "_blank", rel: "noopener noreferrer" };
  return element("a", attributes, "Shadowserver's page on it");
}

function narrow() {
  return matchMedia("(max-width: 700px)").matches;
}

function say(text) {
  byId("said").textContent = text;
}
