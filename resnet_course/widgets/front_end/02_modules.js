// The tree: folders (modules with parts) hold rows; what is closed is one bar.

const rowNode = (network, index) => ({ ...network.rows[index], first: index, last: index, isRow: true });

// The bars of the strip: a bar for each closed folder, and for each row outside of them.
function barsOf(network, opened) {
  const bars = [];
  for (let row = 0; row < network.rows.length; row = bars.at(-1).last + 1) {
    const closed = network.folders.find((f) => f.first <= row && row <= f.last && !opened.has(f.name));
    bars.push(closed ?? rowNode(network, row));
  }
  return bars;
}

// What stands directly inside a folder: its rows and the folders in it.
function partsOf(network, folder) {
  const inside = network.folders.filter((f) => f !== folder && f.first >= folder.first && f.last <= folder.last);
  const parts = [];
  for (let row = folder.first; row <= folder.last; row = parts.at(-1).last + 1) {
    // A folder that holds exactly the same rows (layer.0 alone in layer) would hide the way in.
    const outermost = inside.find((f) => f.first === row && f.last - f.first < folder.last - folder.first);
    parts.push(outermost ?? rowNode(network, row));
  }
  return parts;
}

// The folders around a node. Of two with the same rows (a stage of one block), that with the shorter
// name is around the other.
const around = (network, node) =>
  network.folders.filter((f) => f.first <= node.first && node.last <= f.last && (f.last - f.first > node.last - node.first || f.name.length < node.name.length));

// Where a step along the bars leads, forward (1) or back (-1); undefined at both ends.
function placeBeside(network, bars, at, by) {
  const i = bars.findIndex((bar) => bar.first <= at.first && at.last <= bar.last);
  if (i < 0) { // an open folder stands for all its bars
    return by > 0 ? bars.find((bar) => bar.first >= at.first) : bars.findLast((bar) => bar.last < at.first);
  }
  if (at.isRow && !bars[i].isRow) { // a row inside a closed block
    const row = at.last + by;
    if (bars[i].first <= row && row <= bars[i].last) return rowNode(network, row);
    if (by < 0) return bars[i];
  }
  return bars[i + by];
}

// "layer1.0.conv1" inside layer1.0 is "conv1"; a mere number keeps its whole name.
function nameInside(name, folder) {
  const rest = folder && name.startsWith(`${folder.name}.`) ? name.slice(folder.name.length + 1) : name;
  return /^\d/.test(rest) ? name : rest;
}

const pathOf = (network, node) =>
  network.rows.slice(node.first, node.last + 1).every((row) => row.path === "shortcut") ? "shortcut" : "main";

// The rows that feed a row; none for a folder.
const sourcesOf = (network, node) =>
  (node.isRow ? network.edges.filter(([, target]) => target === node.first).map(([source]) => source) : []);

// Which rows outside of a node feed it?
function sourcesOutside(network, node) {
  const isInside = (row) => node.first <= row && row <= node.last;
  const edges = network.edges.filter(([source, target]) => isInside(target) && !isInside(source));
  const first = edges.filter(([, target]) => target === node.first);
  return [...new Set((first.length ? first : edges).map(([source]) => source))];
}

// Does a row bring the shortcut to this addition?
function isShortcut(network, source, { first }) {
  const [begin, , layers] = network.shortcuts.find(([, end]) => end === first) ?? [];
  return layers?.length ? layers.includes(source) : source === begin;
}

// A layer may work twice, and a row may be called as its folder: name and last row are the key.
function findNode(network, name, layer) {
  const all = [...network.folders, ...network.rows.map((_, i) => rowNode(network, i))];
  const named = all.filter((node) => node.name === name);
  const [exactly, around_] = [(node) => node.last === layer, (node) => node.first <= layer && layer <= node.last];
  return named.find(exactly) ?? named.find(around_) ?? named[0];
}
