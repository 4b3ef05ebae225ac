// What the page was given: packed JSON, unpacked when it is needed.

const SEVERITIES = ["info", "low", "medium", "high", "critical"];

function letters(name) {
  return document.getElementById(`data-${name}`).textContent;
}

function read(name) {
  return JSON.parse(letters(name));
}

function bytesOf(name) {
  const binary = atob(letters(name));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

async function unpack(name) {
  const stream = new Blob([bytesOf(name)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function once(make) {
  let made;
  return () => (made ??= make());
}

// A column: each different value once, and the number of its value for each row.
function coded(column, rows) {
  if (column.a) return { values: column.v, at: column.a };
  const own = column.v.length === rows && rows !== 1;
  return { values: column.v, at: Uint32Array.from({ length: rows }, (_, row) => (own ? row : 0)) };
}

const overview = read("overview");
