// Places the nodes of a small graph: they push each other away, edges pull. The same graph and
// start give the same places.

const REPULSION = 4;
const SPRING = 0.12;
const REST = 1.5;
const GRAVITY = 0.01;
const ROUNDS = 240;

// A sunflower around a point: no two places are equal.
function around(center, index, reach = 1) {
  const angle = index * 2.39996;
  const radius = reach * Math.sqrt(index + 1);
  return { x: center.x + radius * Math.cos(angle), y: center.y + radius * Math.sin(angle) };
}

function settle(places, links) {
  const nodes = [...places.values()];
  const springs = links.map(([source, target]) => [places.get(source), places.get(target)]);
  for (let round = 0; round < ROUNDS; round += 1) {
    const heat = 1.5 * (1 - round / ROUNDS);
    for (const node of nodes) {
      node.fx = -node.x * GRAVITY;
      node.fy = -node.y * GRAVITY;
    }
    push(nodes);
    pull(springs);
    for (const node of nodes) {
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

function pull(springs) {
  for (const [a, b] of springs) {
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 0.01;
    const force = (SPRING * (length - REST)) / length;
    const dx = (b.x - a.x) * force;
    const dy = (b.y - a.y) * force;
    a.fx += dx;
    a.fy += dy;
    b.fx -= dx;
    b.fy -= dy;
  }
}
