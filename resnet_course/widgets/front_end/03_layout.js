// Layout of the strip: columns from left to right, lanes for what runs side by side.

const TALLEST = 96;
const FACE = 56; // of the picture that goes in
const KINDS = { add: "+", concatenate: "‖", multiply: "×", choose: "?", attend: "·" };

// How high is a tensor, and how many channels deep? (tokens, features) are drawn as if the tokens
// made a square; (channels, length), of a network with 1-d windows, as long as they are. `last`:
// (height, width, channels).
function measures(network, shape, last = false) {
  if (last) return { side: shape[0], across: shape[1], channels: shape[2] };
  if (shape.length > 2) return { side: shape.at(-2), across: shape.at(-1), channels: shape[0] };
  if (shape.length < 2) return { side: 1, across: 1, channels: shape[0] ?? 1 };
  const is1d = network.rows.some((row) => row.window?.kernel.length === 1);
  const side = is1d ? shape[1] : Math.max(1, Math.round(Math.sqrt(shape[0])));
  return { side, across: is1d ? 1 : side, channels: is1d ? shape[0] : shape[1] };
}

function layOut(network, opened, room, zoom, letter) {
  const bars = barsOf(network, opened);
  const count = network.rows.length;
  const barOf = bars.flatMap((bar, i) => Array(bar.last - bar.first + 1).fill(i)); // of each row
  const inputs = network.inputs.map((shape, i) => ({ name: i ? `input ${i + 1}` : "input", out: shape, isInput: true, row: -1 - i }));
  const outputs = network.outputs.length < 2 ? [] : network.outputs.map((shape, i) => ({ name: `output ${i + 1}`, out: shape, isOutput: true }));
  const nodes = [...inputs, ...bars.map((bar) => ({ ...bar, path: pathOf(network, bar), lane: undefined })), ...outputs];
  const place = (row) => (row < 0 ? -1 - row : row < count ? inputs.length + barOf[row] : inputs.length + bars.length + row - count);

  // Edges between bars, each once.
  const links = new Map();
  for (const [source, target, how] of network.edges) {
    const [a, b] = [place(source), place(target)];
    if (a === b || !nodes[a] || !nodes[b]) continue;
    const key = `${a} ${b}`;
    if (!links.has(key)) links.set(key, { a, b, how, target });
    else if (how && !links.get(key).how) Object.assign(links.get(key), { how, target });
  }
  const into = nodes.map(() => []);
  for (const link of links.values()) into[link.b].push(link.a);

  // The column is the longest way from the input.
  nodes.forEach((node, i) => {
    node.column = node.isInput ? 0 : Math.max(0, ...into[i].map((a) => nodes[a].column)) + 1;
    if (!node.isInput && !into[i].length) node.column = (nodes[i - 1]?.column ?? 0) + 1;
  });

  // The longest way to the output is the middle lane; others lie beside it.
  const taken = new Set();
  const take = (node, lane, until = node.column) => {
    node.lane = lane;
    for (let c = node.column; c <= Math.max(until, node.column); c++) taken.add(`${lane} ${c}`);
  };
  let at = nodes.reduce((best, node, i) => (!node.isOutput && node.column >= nodes[best].column ? i : best), 0);
  while (at !== undefined) {
    take(nodes[at], 0);
    at = into[at].toSorted((a, b) => nodes[b].column - nodes[a].column || (nodes[a].path === "shortcut") - (nodes[b].path === "shortcut"))[0];
  }
  nodes.forEach((node, i) => {
    if (node.lane !== undefined) return;
    const ahead = [...links.values()].filter((link) => link.a === i).map((link) => nodes[link.b].column - 1);
    const until = Math.min(...ahead, node.column + 40);
    const before = into[i].map((a) => nodes[a].lane).filter((lane) => lane);
    const beside = node.path === "shortcut" ? [-1, -2, -3, -4, -5] : [1, -1, 2, -2, 3, -3, 4, -4, 5, -5];
    const free = [...before, ...beside].find((lane) => !taken.has(`${lane} ${node.column}`));
    take(node, free ?? 6 + i, until);
  });

  // Heights and widths to scale: the side of the map, the root of the channels.
  const sizes = nodes.map((node) => measures(network, node.out ?? [], node.out_last));
  const largest = Math.max(...sizes.map(({ side }) => side));
  const widest = Math.max(...sizes.map(({ channels }) => channels));
  const lanes = [...new Set(nodes.map((node) => node.lane))].sort((a, b) => a - b);
  const tallest = lanes.length > 2 ? Math.max(40, 190 / lanes.length) : TALLEST;
  nodes.forEach((node, i) => {
    node.high = 8 + (tallest - 8) * sizes[i].side / largest;
    node.wide = 4 + 12 * Math.sqrt(sizes[i].channels / widest);
    if (node.isInput) Object.assign(node, { high: network.picture ? FACE : node.high, wide: network.picture ? FACE : 6 });
    node.group = node.isInput || node.isOutput ? undefined : around(network, node).at(-1);
  });

  // Shortcuts inside a closed block stand above its bar.
  for (const [, end, layers] of network.shortcuts) {
    const node = nodes[place(end)];
    if (node && !node.isRow && node.first !== undefined) (node.inner ??= []).push({ end, layers });
  }

  // Columns: as wide as their widest bar, with a gap where another folder begins.
  const columns = [];
  for (const node of nodes) (columns[node.column] ??= []).push(node);
  const edge = 14;
  const spacing = (named) => {
    let x = 0;
    const middles = columns.map((column, i) => {
      const main = column.find((node) => node.lane === 0) ?? column[0];
      const before = columns[i - 1]?.find((node) => node.lane === 0);
      const another = before && (before.isInput || main.group !== before.group);
      const wide = Math.max(...column.map((node) => Math.max(node.wide + (node.inner ? 16 : 0), named ? widthOf(labelOf(node), letter) : 0)));
      x += (i ? 7 : 0) + (another ? 12 : 0) + wide / 2;
      const middle = x;
      x += wide / 2;
      return middle;
    });
    return [middles, (room - 2 * edge) / Math.max(x, 1), x];
  };
  // With room for every name, if that fits; else as narrow as the bars are.
  let [middles, fit, x] = spacing(true);
  if (fit < 1) [middles, fit, x] = spacing(false);
  const most = 3.2;
  const scale = Math.min(fit, most) * zoom;
  const width = Math.max(room, x * scale + 2 * edge);
  const left = Math.max(edge, (room - x * scale) / 2);
  for (const node of nodes) {
    node.x = left + middles[node.column] * scale;
    node.wide = node.isInput && network.picture ? Math.min(FACE, FACE * Math.max(scale, 0.6)) : Math.max(1, node.wide * Math.min(scale, 1.9));
    if (node.isInput && network.picture) node.high = node.wide;
  }
  nodes.forEach((node) => { node.pitch = nearest(nodes, node); });

  // Lanes below each other; above all of them the arcs.
  const arcs = [...links.values()].filter(({ a, b }) => nodes[a].lane === nodes[b].lane && nodes.some((n) => n.lane === nodes[a].lane && n.column > nodes[a].column && n.column < nodes[b].column));
  const between = ({ a, b }) => nodes.filter((n) => n.lane === nodes[a].lane && n.column >= nodes[a].column && n.column <= nodes[b].column);
  // A curve reaches three quarters of the height of its handles.
  const rise = (link) => clamp(14 + 0.16 * Math.abs(nodes[link.b].x - nodes[link.a].x), 20, 100);
  const above = Math.max(nodes.some((node) => node.inner) ? 34 : 8, ...arcs.map((link) => 0.75 * rise(link) + 8));
  let y = above;
  const middleOf = {};
  for (const lane of lanes) {
    const own = Math.max(...nodes.filter((node) => node.lane === lane).map((node) => node.high));
    middleOf[lane] = y + (lane ? letter + 6 : 0) + own / 2;
    y = middleOf[lane] + own / 2 + 8;
  }
  for (const node of nodes) node.y = middleOf[node.lane];
  for (const link of links.values()) {
    link.rise = arcs.includes(link) ? rise(link) : 0;
    if (link.rise) link.top = Math.min(...between(link).map((node) => node.y - node.high / 2));
  }
  return { nodes, links: [...links.values()], width, height: y + 2 * letter + 22, foot: y, zoomable: Math.max(1, most / fit) };
}

const labelOf = (node) => nameInside(node.name, node.group);

function nearest(nodes, node) {
  const others = nodes.filter((other) => other !== node && other.lane === node.lane).map((other) => Math.abs(other.x - node.x));
  return Math.min(...others, 200);
}
