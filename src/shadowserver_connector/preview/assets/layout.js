// Places the nodes of a small graph: they push each other away, edges pull. The same graph and
// start give the same places.

const REPULSION = 1.2;
const SPRING = 0.05;
const GRAVITY = 0.012;
const ROUNDS = 160;

// A sunflower around a point: no two places are equal.
function around(center, index, reach = 1) {
  const angle = index * 2.39996;
  const radius = reach * Math.sqrt(index + 1);
  return { x: center.x + radius * Math.cos(angle), y: center.y + radius * Math.sin(angle) };
}

function settle(places, links, fixed) {
  const nodes = [...places.values()];
  const springs = links.map(([source, target]) => [places.get(source), places.get(target)]);
  const degrees = new Map(nodes.map((node) => [node, 1]));
  for (const [a, b] of springs) {
    degrees.set(a, degrees.get(a) + 1);
    degrees.set(b, degrees.get(b) + 1);
  }
  const anchor = places.get(fixed);
  for (let round = 0; round < ROUNDS; round += 1) {
    const heat = 1.5 * (1 - round / ROUNDS);
    for (const node of nodes) {
      node.fx = -node.x * GRAVITY;
      node.fy = -node.y * GRAVITY;
    }
    push(nodes);
    pull(springs, degrees);
    for (const node of nodes) {
      if (node === anchor) continue;
      const force = Math.hypot(node.fx, node.fy) || 1;
      const step = Math.min(force, heat) / force;
      node.x += node.fx * step;
      node.y += node.fy * step;
    }
  }
}

function push(nodes) {
  for (let first = 0; first < nodes.length; first += 1) {
    const a = nodes[first];
    for (let second = 0; second < first; second += 1) {
      const b = nodes[second];
      const dx = a.x - b.x || 0.01 * (first - second);
      const dy = a.y - b.y || 0.01;
      const force = REPULSION / (dx * dx + dy * dy + 0.05);
      a.fx += dx * force;
      a.fy += dy * force;
      b.fx -= dx * force;
      b.fy -= dy * force;
    }
  }
}

function pull(springs, degrees) {
  for (const [a, b] of springs) {
    const strength = SPRING + 0.5 / Math.min(degrees.get(a), degrees.get(b));
    const dx = (b.x - a.x) * strength * 0.3;
    const dy = (b.y - a.y) * strength * 0.3;
    a.fx += dx;
    a.fy += dy;
    b.fx -= dx;
    b.fy -= dy;
  }
}
