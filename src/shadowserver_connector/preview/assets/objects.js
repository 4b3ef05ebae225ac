// The STIX objects: what they are called, and which refers to which.

// Each type has a colour and a shape, as colour alone does not tell everyone.
const TYPES = {
  "report": ["#4f8df7", "square"],
  "case-incident": ["#e5534b", "square"],
  "note": ["#d4a72c", "square"],
  "observed-data": ["#8b949e", "square"],
  "artifact": ["#a371f7", "square"],
  "ipv4-addr": ["#2da44e", "circle"],
  "ipv6-addr": ["#1a9f86", "circle"],
  "domain-name": ["#1f9cc0", "circle"],
  "hostname": ["#56b6d6", "circle"],
  "mac-addr": ["#7aa842", "circle"],
  "autonomous-system": ["#bf6fd6", "hexagon"],
  "location": ["#d2691e", "hexagon"],
  "identity": ["#6e7fae", "hexagon"],
  "marking-definition": ["#b08968", "hexagon"],
  "network-traffic": ["#5f7fd0", "diamond"],
  "software": ["#c0862f", "diamond"],
  "x509-certificate": ["#9a7fe0", "diamond"],
  "ssh-key": ["#7f6fb5", "diamond"],
  "url": ["#2f9fb0", "diamond"],
  "user-agent": ["#8f8f55", "diamond"],
  "user-account": ["#b56f93", "diamond"],
  "email-addr": ["#cf6f8a", "diamond"],
  "file": ["#8a76c9", "diamond"],
  "vulnerability": ["#e3702d", "triangle-up"],
  "malware": ["#d6336c", "triangle-up"],
  "indicator": ["#e0a100", "triangle-up"],
  "attack-pattern": ["#c2410c", "triangle-up"],
};
const OTHER_TYPE = ["#8b949e", "circle"];

// Every object has these: drawn, they would tie everything to two nodes.
const COMMON_REFS = new Set(["created_by_ref", "x_opencti_created_by_ref", "object_marking_refs"]);

function typeColour(type) {
  return (TYPES[type] ?? OTHER_TYPE)[0];
}

let known = new Map();
let objectsRead = null;

const objects = () => known;

// They are unpacked when they are first looked at. A UUID stands there as its number.
function readObjects() {
  objectsRead ??= unpack("objects").then((json) => {
    const hex = Array.from(bytesOf("uuids"), (byte) => byte.toString(16).padStart(2, "0"));
    const whole = json.replace(/\x01([0-9a-f]+)\x02/g, (_, number) => {
      const at = 16 * parseInt(number, 16);
      const part = (from, to) => hex.slice(at + from, at + to).join("");
      return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}-${part(8, 10)}-${part(10, 16)}`;
    });
    known = new Map(JSON.parse(whole).map((stix) => [stix.id, stix]));
  });
  return objectsRead;
}

function nameOf(stix) {
  const name =
    stix.name ??
    stix.value ??
    stix.abstract ??
    stix.display_name ??
    stix.account_login ??
    stix.user_id ??
    stix.subject ??
    stix.serial_number ??
    stix.fingerprint_sha256 ??
    Object.values(stix.hashes ?? {})[0];
  if (stix.type === "relationship") return stix.relationship_type;
  if (stix.type === "network-traffic") {
    return [(stix.protocols ?? []).join("/"), stix.dst_port].filter(Boolean).join(" ");
  }
  if (stix.type === "observed-data") return `observed ${stix.number_observed}×`;
  if (stix.type === "software") return [stix.vendor, stix.name, stix.version].filter(Boolean).join(" ");
  if (stix.type === "artifact") return (stix.x_opencti_additional_names ?? [])[0] ?? "original file";
  return String(name ?? stix.type);
}

function refsOf(stix) {
  return Object.entries(stix).flatMap(([name, value]) => {
    if (COMMON_REFS.has(name)) return [];
    if (name.endsWith("_ref")) return [[name.slice(0, -4), value]];
    return name.endsWith("_refs") ? value.map((id) => [name.slice(0, -5), id]) : [];
  });
}

// Id -> [{ id, kind, out, via }]: what an object refers to, and what refers to it.
const neighbours = once(() => {
  const known = objects();
  const found = new Map();
  const add = (from, link) => (found.get(from) ?? found.set(from, []).get(from)).push(link);
  const tie = (source, kind, target, via) => {
    // A relationship is drawn as what it is, a line between two objects.
    if (!known.has(source) || !known.has(target) || target.startsWith("relationship--")) return;
    add(source, { id: target, kind, out: true, via });
    add(target, { id: source, kind, out: false, via });
  };
  for (const stix of known.values()) {
    if (stix.type === "relationship") {
      tie(stix.source_ref, stix.relationship_type, stix.target_ref, stix.id);
    } else {
      for (const [kind, id] of refsOf(stix)) tie(stix.id, kind, id, null);
    }
  }
  return found;
});

function neighboursOf(id) {
  const stix = objects().get(id);
  if (stix?.type === "relationship") {
    return [
      { id: stix.source_ref, kind: "source", out: true, via: null },
      { id: stix.target_ref, kind: "target", out: true, via: null },
    ];
  }
  return neighbours().get(id) ?? [];
}

// Value in lower case -> id, for the way from a finding to its address.
const byValue = once(() => {
  const ids = new Map();
  for (const stix of objects().values()) {
    for (const value of [stix.value, stix.account_login, stix.user_id]) {
      if (typeof value === "string") ids.set(value.toLowerCase(), stix.id);
    }
  }
  return ids;
});

function nodeOfValue(values) {
  const value = values.map((each) => each.toLowerCase()).find((each) => each && byValue().has(each));
  return value ? byValue().get(value) : null;
}

const searchable = once(() =>
  [...objects().values()].map((stix) => [`${nameOf(stix)}\n${stix.type}\n${stix.id}`.toLowerCase(), stix]),
);

function searchObjects(text, most) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const hits = searchable().filter(([line]) => words.every((word) => line.includes(word)));
  const rank = ([line]) => (line.startsWith(`${text.toLowerCase()}\n`) ? 0 : line.startsWith(words[0]) ? 1 : 2);
  return hits
    .map((hit, place) => [rank(hit), place, hit[1]])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .slice(0, most)
    .map(([, , stix]) => stix);
}
