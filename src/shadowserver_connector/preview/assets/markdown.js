// A Note's markdown as elements: paragraphs, tables, lists, headings, bold, code. Links are shown
// as text with their address, unless they lead to Shadowserver; nothing else is markup.

const INLINE = /\\([!-/:-@[-`{-~])|(`+)(.+?)\2(?!`)|\*\*(.+?)\*\*|\[([^\]]*)\]\(([^()\s]*)\)|<(https?:[^<>\s]*)>/;

function unescaped(text) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#124": "|", "#96": "`" };
  return text.replace(/&(amp|lt|gt|quot|#39|#124|#96);/g, (_, name) => named[name]);
}

function inline(source) {
  const parts = [];
  let rest = source;
  for (;;) {
    const hit = INLINE.exec(rest);
    if (!hit) break;
    if (hit.index) parts.push(unescaped(rest.slice(0, hit.index)));
    const [, escaped, , code, bold, name, url, bare] = hit;
    if (escaped) parts.push(escaped);
    else if (code !== undefined) parts.push(element("code", {}, unescaped(code.trim())));
    else if (bold !== undefined) parts.push(element("strong", {}, ...inline(bold)));
    else if (url !== undefined) parts.push(linkOrText(unescaped(name), unescaped(url)));
    else parts.push(bare);
    rest = rest.slice(hit.index + hit[0].length);
  }
  if (rest) parts.push(unescaped(rest));
  return parts;
}

function linkOrText(name, url) {
  const link = catalogueLink(url);
  if (!link) return `${name} (${url})`;
  link.textContent = name;
  return link;
}

function cellsOfLine(line) {
  const inside = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return inside.split(/(?<!\\)\|/).map((cell) => element("td", {}, ...inline(cell.trim())));
}

function markdownTable(lines) {
  const head = element("tr", {}, ...cellsOfLine(lines[0]).map((cell) => element("th", { scope: "col" }, ...cell.childNodes)));
  const rows = lines.slice(2).map((line) => element("tr", {}, ...cellsOfLine(line)));
  return element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" },
    element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function markdown(source) {
  const made = element("div", { class: "markdown" });
  for (const block of source.split(/\n{2,}/)) {
    const lines = block.split("\n");
    if (lines.length > 1 && /^\s*\|/.test(lines[0]) && /^[\s|:-]+$/.test(lines[1])) made.append(markdownTable(lines));
    else if (/^#{1,6} /.test(lines[0])) made.append(element("p", { class: "heading" }, ...inline(lines.join(" ").replace(/^#+ /, ""))));
    else if (lines.every((line) => /^\s*[-*] /.test(line))) {
      made.append(element("ul", {}, ...lines.map((line) => element("li", {}, ...inline(line.replace(/^\s*[-*] /, ""))))));
    } else made.append(element("p", {}, ...inline(lines.join(" "))));
  }
  return made;
}
