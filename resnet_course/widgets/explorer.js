// The explorer of the course: a network that one can touch. The same file runs in JupyterLab (as an
// anywidget), in the book and in the slides. Python computes every number and every word and hands
// them over as `network` and `maps` (see explorer_data.py and explorer_maps.py); here they are placed,
// drawn, and touched. Read from top to bottom: small tools, the tree of modules, layout, drawing, the
// close-up, numbers under the pointer, touch and keys, and at the end the hosts.

// 1. Small tools

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, typeof value === "number" ? Math.round(value * 10) / 10 : value);
  }
  element.append(...children);
  return element;
}

const by = (shape) => (shape.length ? shape.join("×") : "1 number"); // for each picture
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const sum = (values) => values.reduce((a, b) => a + b, 0);

// 0.163 → "0.16", -12.3 → "−12.3": as many digits as one wants to read.
function digits(value) {
  const size = Math.abs(value);
  const text = size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size < 0.0005 ? 2 : 3);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

// What stands behind a sign: −0.4 in brackets.
const factor = (value) => (digits(value).startsWith("−") ? `(${digits(value)})` : digits(value));

const pen = document.createElement("canvas").getContext("2d");
function widthOf(words, size, bold = false) {
  pen.font = `${bold ? "bold " : ""}${size}px "DejaVu Sans", Helvetica, Arial, sans-serif`;
  return pen.measureText(words).width;
}

// 16-bit floating point numbers, as bytes or in base64, become ordinary ones.
function halves(bytes, scale = 1) {
  if (typeof bytes === "string") bytes = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, i) => {
    const half = data.getUint16(2 * i, true);
    const power = (half >> 10) & 31;
    const size = power === 31 ? (half & 1023 ? NaN : Infinity) : power ? 2 ** (power - 15) * (1 + (half & 1023) / 1024) : 2 ** -24 * (half & 1023);
    return (half >> 15 ? -size : size) * scale;
  });
}

// Blue for positive, orange for negative, white for 0: also colour-blind people tell them apart.
function paint(values, height, width, strongest) {
  const canvas = make("canvas", { width, height });
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    const share = clamp(Math.abs(value) / (strongest || 1), 0, 1) ** 0.7;
    const [red, green, blue] = value >= 0 ? [0, 84, 160] : [213, 94, 0];
    image.data.set([255 + share * (red - 255), 255 + share * (green - 255), 255 + share * (blue - 255), 255], 4 * i);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}

// The picture that goes in, as a learner knows it.
function paintPicture({ shape, pixels, photographs }) {
  const [channels, height, width] = shape;
  const bytes = Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0));
  const canvas = make("canvas", { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    // A grey picture is drawn as it is printed: 0 is white. A grey photograph is drawn as it is.
    const grey = photographs ? bytes[i] : 255 - bytes[i];
    const colour = channels === 3 ? bytes.subarray(3 * i, 3 * i + 3) : Array(3).fill(grey);
    image.data.set([...colour, 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}

// 2. The tree: folders (modules with parts) hold rows; what is closed is one bar

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

const around = (network, node) =>
  network.folders.filter((f) => f.first <= node.first && node.last <= f.last && (f.name !== node.name || f.last !== node.last));

// "layer1.0.conv1" inside layer1.0 is "conv1"; a mere number keeps its whole name.
function nameInside(name, folder) {
  const rest = folder && name.startsWith(`${folder.name}.`) ? name.slice(folder.name.length + 1) : name;
  return /^\d/.test(rest) ? name : rest;
}

const pathOf = (network, node) =>
  network.rows.slice(node.first, node.last + 1).every((row) => row.path === "shortcut") ? "shortcut" : "main";

// A layer may work twice, and a row may be called as its folder: name and last row are the key.
function findNode(network, name, layer) {
  const all = [...network.folders, ...network.rows.map((_, i) => rowNode(network, i))];
  const named = all.filter((node) => node.name === name);
  const [exactly, around_] = [(node) => node.last === layer, (node) => node.first <= layer && layer <= node.last];
  return named.find(exactly) ?? named.find(around_) ?? named[0];
}

// 3. Layout of the strip: columns from left to right, lanes for what runs side by side

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
  const barOf = [];
  bars.forEach((bar, i) => barOf.fill(i, (barOf.length = bar.last + 1, bar.first), bar.last + 1));
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
    if (!links.has(key)) links.set(key, { a, b, how, target, source });
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
  for (const [start, end, layers] of network.shortcuts) {
    const node = nodes[place(end)];
    if (node && !node.isRow && node.first !== undefined) (node.inner ??= []).push({ end, layers, from: place(start) });
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
  return { nodes, links: [...links.values()], width, height: y + 2 * letter + 22, foot: y, zoomable: Math.max(1, most / fit), lanes };
}

const labelOf = (node) => nameInside(node.name, node.group);

function nearest(nodes, node) {
  const others = nodes.filter((other) => other !== node && other.lane === node.lane).map((other) => Math.abs(other.x - node.x));
  return Math.min(...others, 200);
}

// 4. Drawing the strip

function drawStrip(network, layout, letter) {
  const { nodes, links } = layout;
  const svg = draw("svg", { width: layout.width, height: layout.height, "aria-hidden": "true" });
  const lines = svg.appendChild(draw("g"));
  const boxes = svg.appendChild(draw("g"));
  const signs = svg.appendChild(draw("g"));

  for (const link of links) {
    const [a, b] = [nodes[link.a], nodes[link.b]];
    const [x1, x2] = [a.x + a.wide / 2, b.x - b.wide / 2];
    const isShortcut = a.path === "shortcut" || b.path === "shortcut" || (link.how === "add" && link.rise);
    const look = `line ${link.how || "plain"}${isShortcut ? " shortcut" : ""}`;
    const own = a.path === "shortcut" || b.path === "shortcut" ? { "stroke-dasharray": "5 3" } : {};
    const target = network.rows[link.target];
    const touch = isShortcut && target ? { "data-layer": target.name, "data-kind": "shortcut", "data-row": link.target } : {};
    let path;
    if (link.rise) {
      const top = link.top - link.rise;
      path = `M${x1 + 1} ${a.y - 4}C${x1 + 1} ${top} ${x2 - 3} ${top} ${x2 - 3} ${b.y - 6}`;
    } else {
      // Between two lanes: up or down beside the main lane, and level along the other one.
      const turn = Math.min(46, x2 - x1);
      if (a.y === b.y) path = `M${x1} ${a.y}H${x2}`;
      else if (b.lane === 0) path = `M${x1} ${a.y}H${x2 - turn}c${turn / 2} 0 ${turn / 2} ${b.y - a.y} ${turn} ${b.y - a.y}`;
      else path = `M${x1} ${a.y}c${turn / 2} 0 ${turn / 2} ${b.y - a.y} ${turn} ${b.y - a.y}H${x2}`;
    }
    path = path.replace(/\d+\.\d+/g, (n) => Number(n).toFixed(1));
    if (touch["data-layer"]) lines.append(draw("path", { d: path, class: "reach", ...touch }));
    lines.append(draw("path", { d: path, class: look, ...own, ...touch }));
  }

  nodes.forEach((node, i) => {
    const { x, y, wide, high } = node;
    if (node.isInput && network.picture && node.row === -1) {
      boxes.append(draw("image", { href: network.picture.address, x: x - wide / 2, y: y - high / 2, width: wide, height: high, class: "input picture", "data-layer": "input", "data-kind": "input", "data-node": i }));
      node.frame = boxes.appendChild(draw("rect", { class: "field", width: 0, height: 0 }));
      return;
    }
    const kind = node.isInput ? "input" : node.isOutput ? "output" : node.kind === "error" ? "error" : node.isRow ? "row" : "folder";
    const name = node.name;
    const group = boxes.appendChild(draw("g", { class: `bar ${kind} ${node.path ?? ""}`, "data-layer": name, "data-kind": kind, "data-node": i }));
    group.append(draw("rect", { class: "reach", x: x - Math.max(node.pitch / 2, 3), y: y - high / 2 - 6, width: Math.max(node.pitch, 6), height: high + 12 }));
    group.append(draw("rect", { class: "box", x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: 2 }));
    // Inside a closed block: its shortcut, from just before the bar to the + just behind it.
    const inner = node.inner ?? [];
    const wideArc = Math.min(node.pitch * 0.36, 26, 10 + wide / 2);
    if (inner.length === 1 && node.pitch > 9) {
      const [{ end, layers }] = inner;
      const top = y - high / 2 - Math.min(26, 12 + node.pitch * 0.2);
      const arc = `M${(x - wideArc - wide / 4).toFixed(1)} ${y}C${(x - wideArc - wide / 4).toFixed(1)} ${top.toFixed(1)} ${(x + wideArc + wide / 4).toFixed(1)} ${top.toFixed(1)} ${(x + wideArc + wide / 4).toFixed(1)} ${y}`;
      const add = { "data-layer": network.rows[end].name, "data-kind": "shortcut", "data-row": end };
      const dashed = layers.length ? { "stroke-dasharray": "5 3" } : {};
      boxes.append(draw("path", { d: arc, class: "line add shortcut", ...dashed, ...add }));
      if (node.pitch > 30) signs.append(sign("add", x + wideArc + wide / 4, y, add));
    } else if (inner.length > 1 && node.pitch > 16) {
      const few = Math.min(inner.length, 6);
      for (let k = 0; k < few; k++) {
        const each = wide / few;
        const start = x - wide / 2 + k * each;
        const top = y - high / 2 - 2;
        boxes.append(draw("path", { d: `M${start.toFixed(1)} ${top}c0 -12 ${each.toFixed(1)} -12 ${each.toFixed(1)} 0`, class: "line add shortcut thin" }));
      }
    }
    // Where several ways meet in a row that is a bar of its own.
    const meets = links.filter((link) => link.b === i && link.how);
    if (node.isRow && meets.length && node.pitch > 12) {
      signs.append(sign(meets[0].how, x, y, { "data-layer": name, "data-kind": meets[0].how === "add" ? "add" : "row", "data-row": node.first }));
    }
  });

  svg.append(labels(network, layout, letter));
  return svg;
}

function sign(how, x, y, attributes) {
  const group = draw("g", { class: `sign ${how}`, ...attributes, "data-kind": how === "add" ? "add" : attributes["data-kind"] });
  group.append(draw("circle", { cx: x, cy: y, r: 7.5 }));
  // Lines and not a letter: the + must stand exactly in the middle.
  if (how === "add") group.append(draw("path", { d: `M${x - 4} ${y}h8M${x} ${y - 4}v8`, class: "stroke" }));
  else if (how === "concatenate") group.append(draw("path", { d: `M${x - 2} ${y - 4}v8M${x + 2} ${y - 4}v8`, class: "stroke" }));
  else if (how === "multiply") group.append(draw("path", { d: `M${x - 3} ${y - 3}l6 6M${x - 3} ${y + 3}l6 -6`, class: "stroke" }));
  else group.append(draw("circle", { cx: x, cy: y, r: 2, class: "dot" }));
  return group;
}

// Names and shapes below the bars. A label that would touch another is left out: the tooltip and
// the close-up have all names.
function labels(network, layout, letter) {
  const group = draw("g", { class: "labels" });
  const placed = [];
  const put = (words, x, y, look = "") => {
    if (!words) return false;
    const half = widthOf(words, letter, look.includes("bold")) / 2 + 3;
    const middle = clamp(x, half, layout.width - half);
    const box = [middle - half, y - letter, middle + half, y + 4];
    if (Math.abs(middle - x) > 14 || placed.some((p) => p[0] < box[2] && box[0] < p[2] && p[1] < box[3] && box[1] < p[3])) return false;
    placed.push(box);
    group.append(draw("text", { x: middle, y, class: look, "font-size": letter }, words));
    return true;
  };
  const [line1, line2] = [layout.foot + letter + 4, layout.foot + 2 * letter + 9];
  const main = layout.nodes.filter((node) => node.lane === 0);
  // The input's name comes last: it is known anyway.
  // Neighbours of one folder: either all of them are named, or the folder is.
  const groupName = (folder) => nameInside(folder.name, around(network, folder).at(-1));
  const runs = [];
  for (const node of main) {
    const run = runs.at(-1);
    if (run && node.group && run[0].group === node.group) run.push(node);
    else runs.push([node]);
  }
  for (const run of [...runs.slice(1), runs[0]]) {
    const [first, last] = [run[0], run.at(-1)];
    const middle = (first.x + last.x) / 2;
    const fits = run.every((node) => widthOf(labelOf(node), letter) + 6 <= (run.length > 1 ? node.pitch : 1e9));
    if (fits) for (const node of run) put(labelOf(node), node.x, line1, node.isInput ? "soft" : "");
    else put(groupName(first.group), middle, line1, "bold");
    const inside = fits && run.length > 1 && labelOf(first) !== first.name;
    if (inside && put(groupName(first.group), middle, line2, "bold")) bracket(group, first, last, layout.foot + letter + 7);
  }
  const shapeOf = (node) => (node.kind === "error" || node.kind === "unused" ? "" : by(node.out));
  // Below: the shape, once for neighbours that have the same.
  for (let i = 0; i < runs.length; ) {
    let j = i;
    const shape = shapeOf(runs[i].at(-1));
    while (runs[j + 1] && runs[i].length === 1 && runs[j + 1].length === 1 && shapeOf(runs[j + 1][0]) === shape && !runs[i][0].isInput) j++;
    put(shape, (runs[i][0].x + runs[j].at(-1).x) / 2, line2, "soft");
    i = j + 1;
  }
  for (const node of layout.nodes.filter((each) => each.lane)) {
    put(labelOf(node), node.x, node.y - node.high / 2 - 4, "small");
  }
  return group;
}

function bracket(group, first, last, y) {
  group.append(draw("path", { d: `M${first.x - first.wide / 2} ${y}H${last.x + last.wide / 2}`, class: "bracket" }));
}

// 5. The close-up: what goes in, the operation, what comes out

// All sides on one scale, that of the root: 224 and 7 pixels fit on one page.
function scaleOf(network, face) {
  const sizes = network.rows.flatMap((row) => [measures(network, row.in, row.in_last), measures(network, row.out, row.out_last)]);
  sizes.push(...network.inputs.map((shape) => measures(network, shape)));
  const largest = Math.max(...sizes.map(({ side, across }) => Math.max(side, across)));
  const most = Math.max(...sizes.map(({ channels }) => channels));
  return {
    side: (pixels) => Math.max(4, face * Math.sqrt(pixels / largest)),
    depth: (channels) => face * (0.08 + 0.3 * Math.sqrt(channels / most)),
  };
}

// A volume: cards with real feature maps where they are known, else a box.
function drawVolume(shape, measured, record, scale, { strongest, grid, tint, classes, dropped = [0, 0] }) {
  const isMap = shape.length > 2;
  const [rows, across] = [measured.side, measured.across];
  const many = record ? (grid || !isMap ? record.channels.length : Math.min(4, record.channels.length)) : 0;
  let [high, wide] = [scale.side(rows), scale.side(across)];
  const svg = draw("svg", { class: "volume-picture", "data-sides": `${rows} ${across}` });
  const cards = [];
  const card = (k, x, y, w, h) => {
    const group = svg.appendChild(draw("g", { class: "card", "data-card": k, "data-channel": record.channels[k] }));
    group.append(draw("rect", { x, y, width: w, height: h, class: "paper" }));
    group.append(draw("image", { x, y, width: w, height: h, preserveAspectRatio: "none", href: record.paint(k, strongest) }));
    group.append(draw("rect", { x, y, width: w, height: h, class: "edge" }));
    cards.push({ k, x, y, wide: w, high: h, channel: record.channels[k], group });
  };
  let size;
  if (record && isMap && grid) {
    const each = Math.max(34, Math.min(high, 3 * scale.side(1e9) / 1e9 || 64, 64));
    const per = Math.ceil(Math.sqrt(many));
    for (let k = 0; k < many; k++) card(k, 4 + (k % per) * (each + 4), 4 + Math.floor(k / per) * (each + 4), each, each * high / wide);
    size = [per * (each + 4) + 8, Math.ceil(many / per) * (each * high / wide + 4) + 8];
  } else if (record && isMap) {
    const deep = scale.depth(measured.channels);
    for (let k = many - 1; k >= 0; k--) {
      const far = many > 1 ? k / (many - 1) * deep : 0;
      card(k, 8 + far, 8 + (deep - far) * 0.7, wide, high);
    }
    size = [wide + deep + 16, high + deep * 0.7 + 16];
  } else if (record) { // a vector: its values below each other
    const each = clamp(220 / many, 8, 16);
    for (let k = 0; k < record.channels.length; k++) {
      card(k, 8, 8 + k * each, 34, each - 1);
      if (each < 12) continue;
      const name = classes?.[record.channels[k]] ?? "";
      svg.append(draw("text", { x: 48, y: 8 + (k + 0.8) * each, "font-size": 12, class: "value" }, `${digits(record.value(k, 0, 0))} ${name}`));
    }
    size = [each < 12 ? 50 : classes ? 170 : 90, record.channels.length * each + 16];
  } else {
    const deep = scale.depth(measured.channels);
    const [dx, dy] = [deep, deep * 0.6];
    const [x, y] = [8, 8 + dy];
    svg.append(draw("path", { d: `M${x} ${y}l${dx} ${-dy}h${wide}l${-dx} ${dy}z`, class: `side ${tint}` }));
    svg.append(draw("path", { d: `M${x + wide} ${y}l${dx} ${-dy}v${high}l${-dx} ${dy}z`, class: `side ${tint}` }));
    const group = svg.appendChild(draw("g", { class: "card", "data-card": 0 }));
    group.append(draw("rect", { x, y, width: wide, height: high, class: `front ${tint}` }));
    cards.push({ k: 0, x, y, wide, high, group });
    size = [wide + deep + 16, high + dy + 16];
  }
  // Rows and columns of the map that no window reads.
  for (const each of cards.filter((one) => isMap && one.k === 0)) {
    const [down, right] = [each.high * dropped[0] / rows, each.wide * dropped[1] / across];
    if (down) svg.append(draw("rect", { x: each.x, y: each.y + each.high - Math.max(down, 2), width: each.wide, height: Math.max(down, 2), class: "dropped" }));
    if (right) svg.append(draw("rect", { x: each.x + each.wide - Math.max(right, 2), y: each.y, width: Math.max(right, 2), height: each.high, class: "dropped" }));
  }
  const light = svg.appendChild(draw("g", { class: "light" }));
  svg.setAttribute("width", Math.ceil(size[0]));
  svg.setAttribute("height", Math.ceil(size[1]));
  svg.setAttribute("viewBox", `0 0 ${Math.ceil(size[0])} ${Math.ceil(size[1])}`);
  return { svg, cards, light, rows, across, isMap, record, shape };
}

// The block as one draws it on paper: its parts below each other, the shortcut around them.
function drawBlock(network, folder, letter) {
  const ownLayers = (part) => !part.isRow && pathOf(network, part) === "shortcut" && part.last - part.first < 3;
  const parts = partsOf(network, folder).flatMap((part) => (ownLayers(part) ? partsOf(network, part) : [part]));
  const links = linksBetween(network, folder, parts);
  const isLine = isOneLine(network, parts, links);
  const drawn = isLine ? undefined : drawBranches(network, folder, parts, links, letter);
  if (drawn) return drawn;
  const shown = parts.length > 14 ? [...parts.slice(0, 8), null, ...parts.slice(-4)] : parts;
  const [wide, high, step] = [letter * 10.5, letter + 9, letter + 17];
  const inside = new Set(network.shortcuts.filter(([, end]) => parts.some((p) => p?.isRow && p.first === end)).flatMap(([, , layers]) => layers));
  const main = shown.filter((part) => !part || !isOnShortcut(part, inside));
  const side = shown.filter((part) => part && isOnShortcut(part, inside));
  const ends = new Map(network.shortcuts.map(([start, end, layers]) => [end, { start, layers }]));
  const svg = draw("svg", { class: "block", width: wide + 16 + (ends.size ? letter * (side.length ? 10.5 : 3) : 0), height: main.length * step + 26 });
  const middle = wide / 2 + 4;
  const lines = svg.appendChild(draw("g"));
  const yOf = new Map();
  main.forEach((part, i) => {
    const y = 16 + i * step;
    if (isLine) lines.append(draw("path", { d: `M${middle} ${y - 12}v10`, class: "line plain" }));
    else if (!i) svg.append(draw("text", { x: middle, y: 12, "font-size": letter, class: "soft" }, "in the order they run"));
    if (!part) {
      svg.append(draw("text", { x: middle, y: y + high * 0.7, "font-size": letter, class: "soft" }, `… ${parts.length - shown.length + 1} more …`));
      return;
    }
    for (let row = part.first; row <= part.last; row++) yOf.set(row, y + high / 2);
    const isAdd = isLine && part.isRow && ends.has(part.first);
    const group = svg.appendChild(draw("g", { class: `part${part.isRow ? "" : " folder"}`, "data-layer": part.name, "data-kind": isAdd ? "add" : part.isRow ? "row" : "folder", "data-row": part.last, tabindex: -1 }));
    if (isAdd) {
      group.append(sign("add", middle, y + high / 2, {}));
      const { start, layers } = ends.get(part.first);
      const top = start >= folder.first ? (yOf.get(start) ?? 6) + high / 2 + 4 : 5;
      const right = middle + wide / 2 + 4;
      const out = right + (side.length && layers.length ? letter * 5 : letter * 1.6);
      const d = `M${middle} ${top}H${out - 6}q6 0 6 6V${y + high / 2 - 6}q0 6 -6 6H${middle + 9}`;
      lines.append(draw("path", { d, class: "line add shortcut", ...(layers.length ? { "stroke-dasharray": "5 3" } : {}) }));
      const own = side.filter((each) => layers.includes(each.first));
      own.forEach((each, k) => {
        const yy = (top + y + high / 2) / 2 + (k - (own.length - 1) / 2) * step - high / 2;
        const box = svg.appendChild(draw("g", { class: "part onshortcut", "data-layer": each.name, "data-kind": each.isRow ? "row" : "folder", "data-row": each.last }));
        box.append(draw("rect", { x: out - letter * 5, y: yy, width: letter * 10, height: high, rx: 5 }));
        box.append(draw("text", { x: out, y: yy + high * 0.7, "font-size": letter }, fitted(each.brief ?? each.label, letter * 9.6, letter)));
      });
    } else {
      group.append(draw("rect", { x: middle - wide / 2, y, width: wide, height: high, rx: 5 }));
      const words = part.isRow ? part.brief ?? part.label : nameInside(part.name, folder);
      group.append(draw("text", { x: middle, y: y + high * 0.7, "font-size": letter }, fitted(words, wide - 8, letter)));
    }
  });
  if (isLine) lines.append(draw("path", { d: `M${middle} ${16 + main.length * step - 12}v12`, class: "line plain" }));
  return svg;
}

// Which part of a block feeds which? -1 stands for what goes into the block.
function linksBetween(network, folder, parts) {
  const partOf = (row) => parts.findIndex((part) => part.first <= row && row <= part.last);
  const links = new Map();
  for (const [source, target, how] of network.edges) {
    const [a, b] = [partOf(source), partOf(target)];
    if (b >= 0 && a !== b) links.set(`${a} ${b}`, { a, b, how });
  }
  return [...links.values()];
}

// Does each part feed the next one, and nothing else but what the shortcuts carry?
function isOneLine(network, parts, links) {
  const partOf = (row) => parts.findIndex((part) => part.first <= row && row <= part.last);
  const allowed = new Set();
  const aside = new Set();
  for (const [start, end, layers] of network.shortcuts.filter(([, row]) => parts[partOf(row)]?.isRow)) {
    const way = [start, ...layers, end].map(partOf);
    way.slice(1).forEach((b, i) => allowed.add(`${way[i]} ${b}`));
    way.slice(1, -1).forEach((b) => aside.add(b));
  }
  const line = parts.map((_, i) => i).filter((i) => !aside.has(i) && parts[i].kind !== "unused");
  const along = line.map((b, i) => `${i ? line[i - 1] : -1} ${b}`);
  const found = new Set(links.map(({ a, b }) => `${a} ${b}`));
  return along.every((each) => found.has(each)) && [...found].every((each) => allowed.has(each) || along.includes(each));
}

// A block with branches: what runs side by side stands side by side, and meets in a sign.
function drawBranches(network, folder, parts, links, letter) {
  const above = parts.map((_, i) => links.filter(({ b }) => b === i).map(({ a }) => a));
  const level = { [-1]: 0 };
  parts.forEach((_, i) => { level[i] = 1 + Math.max(0, ...above[i].map((a) => level[a])); });
  const depth = Math.max(...Object.values(level));
  // Columns: below what feeds it if there is room. A line that passes some levels has one of its own.
  const column = { [-1]: 0 };
  const track = {};
  const taken = new Set();
  const free = (from, to, wanted) => {
    const fits = (c) => { for (let l = from; l <= to; l++) if (taken.has(`${l} ${c}`)) return false; return true; };
    let c = [...wanted, 0].find(fits);
    for (let next = 0; c === undefined; next++) if (fits(next)) c = next;
    for (let l = from; l <= to; l++) taken.add(`${l} ${c}`);
    return c;
  };
  for (let now = 0; now <= depth; now++) {
    const here = [-1, ...parts.keys()].filter((i) => level[i] === now);
    // First one for each that feeds them, straight below it; then the others.
    const firsts = here.filter((i) => i >= 0 && !here.some((j) => j < i && j >= 0 && above[j][0] === above[i][0]));
    for (const i of new Set([...firsts, ...here])) if (i >= 0) column[i] = free(now, now, above[i].map((a) => (level[a] === now - 1 ? column[a] : track[a])));
    for (const i of here) {
      const ends = links.filter(({ a }) => a === i).map(({ b }) => level[b]);
      const until = Math.max(0, ...ends) - 1;
      // The way on straight below stays free for what it feeds.
      if (until > now) track[i] = free(now + 1, until, ends.includes(now + 1) ? [column[i] + 1, column[i] + 2, column[i] + 3] : [column[i]]);
    }
  }
  const columns = 1 + Math.max(...Object.values(column), ...Object.values(track));
  if (columns > 5 || depth > 12) return undefined;
  const [high, step] = [letter + 9, letter + 20];
  const each = Math.min(letter * 11, letter * 23 / columns);
  const svg = draw("svg", { class: "block", width: each * columns + 8, height: depth * step + 30 });
  const lines = svg.appendChild(draw("g"));
  const alone = (i) => [...taken].filter((key) => key.startsWith(`${level[i]} `)).length < 2;
  const middleOf = (c) => 4 + (c + 0.5) * each;
  const x = (i) => (i < 0 || alone(i) ? 4 + columns * each / 2 : middleOf(column[i]));
  const y = (l) => 18 + (l - 1) * step; // the upper side
  const how = parts.map(({ kind }, i) => (/^(add|cat|mul)$/.test(kind) ? links.find((link) => link.b === i && link.how)?.how : undefined));
  const [over, below] = [(i) => y(level[i]) + (how[i] ? high / 2 - 8 : 0), (i) => (i < 0 ? 4 : y(level[i]) + (how[i] ? high / 2 + 8 : high))];
  const way = (...points) => points.map(([px, py], n) => (n ? `C${points[n - 1][0]} ${(points[n - 1][1] + py) / 2} ${px} ${(points[n - 1][1] + py) / 2} ${px} ${py}` : `M${px} ${py}`)).join("");
  for (const { a, b } of links) {
    const passes = level[b] - level[a] > 1 ? [[middleOf(track[a]), y(level[a] + 1)], [middleOf(track[a]), y(level[b] - 1) + high]] : [];
    lines.append(draw("path", { d: way([x(a), below(a)], ...passes, [x(b), over(b)]), class: `line ${how[b] || "plain"}` }));
  }
  parts.forEach((part, i) => {
    const kind = how[i] === "add" ? "add" : part.isRow ? "row" : "folder";
    const group = svg.appendChild(draw("g", { class: `part${part.isRow ? "" : " folder"}`, "data-layer": part.name, "data-kind": kind, "data-row": part.last, tabindex: -1 }));
    if (how[i]) group.append(sign(how[i], x(i), y(level[i]) + high / 2, {}));
    else {
      const wide = Math.min(letter * 10.5, alone(i) ? each * columns : each - 6);
      group.append(draw("rect", { x: x(i) - wide / 2, y: y(level[i]), width: wide, height: high, rx: 5 }));
      group.append(draw("text", { x: x(i), y: y(level[i]) + high * 0.7, "font-size": letter }, part.isRow ? fitted(part.brief ?? part.label, wide - 4, letter) : endOf(nameInside(part.name, folder), wide - 4, letter)));
      group.append(draw("title", {}, `${part.name}: ${part.label}`));
    }
    if (!links.some(({ a }) => a === i)) lines.append(draw("path", { d: `M${x(i)} ${below(i)}V${depth * step + 28}`, class: "line plain" }));
  });
  return svg;
}

const isOnShortcut = (part, rows) => {
  for (let row = part.first; row <= part.last; row++) if (!rows.has(row)) return false;
  return true;
};

// Names of branches begin alike: what is cut off is their beginning.
function endOf(words, wide, size) {
  if (widthOf(words, size) <= wide) return words;
  while (words.length > 2 && widthOf(`…${words}`, size) > wide) words = words.slice(1);
  return `…${words}`;
}

function fitted(words, wide, size) {
  if (widthOf(words, size) <= wide) return words;
  while (words.length > 2 && widthOf(`${words}…`, size) > wide) words = words.slice(0, -1);
  return `${words}…`;
}

// Two neighbouring windows on the map: which pixels does each read?
function drawWindows({ kernel, stride, dilation = [1] }, letter) {
  const [gap, step] = [dilation.at(-1), stride.at(-1)];
  const k = (kernel.at(-1) - 1) * gap + 1;
  if (k > 11 || k + step > 16 || (k === 1 && step === 1)) return "";
  const cell = Math.min(11, 130 / (k + step));
  const rows = Math.min(kernel.length > 1 ? (kernel[0] - 1) * dilation[0] + 1 : 1, 3);
  const svg = draw("svg", { width: cell * (k + step) + 2, height: cell * rows + 2, role: "img", "aria-label": `two neighbouring windows, ${step} apart` });
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < k + step; x++) {
      const reads = (at) => at >= 0 && at < k && at % gap === 0 && (kernel.length < 2 || y % dilation[0] === 0);
      const look = reads(x) && reads(x - step) ? "both" : reads(x) ? "one" : reads(x - step) ? "two" : gap > 1 ? "gap" : "none";
      svg.append(draw("rect", { x: 1 + x * cell, y: 1 + y * cell, width: cell - 1, height: cell - 1, class: `window ${look}` }));
    }
  }
  return make("div", { class: "windows" }, svg, make("span", {}, "two neighbouring windows"));
}

// Layers that make each number of the number at its place.
const EACH_NUMBER = /^(relu6?|leakyrelu|rrelu|prelu|elu|celu|selu|gelu|silu|mish|sigmoid|tanh|hardswish|hardsigmoid|hardtanh|softplus|softsign|logsigmoid|\w*batchnorm2?d?|(alpha)?dropout[12]?d?|stochasticdepth|identity)$/;

// 6. The explorer itself

const SPEEDS = { slow: 1400, normal: 700, fast: 280 };

// `host` says where the data comes from: {network, state, maps(row), run, choose, remember, large}.
function explorer(element, host) {
  const root = make("div", { class: `resnet-explorer${host.large ? " large" : ""}`, role: "group" });
  const letter = () => (host.large ? 17 : 12);
  let network;
  let opened;
  let at; // the row or the folder that is shown
  let zoom = 1;
  let grid = false; // all channels, or the first four as a stack
  let layout;
  let timer = null;
  let picked = null; // [row, column] of the value under the pointer
  const records = new Map(); // row → feature maps
  const stale = new Set(); // rows whose maps are of an earlier run
  let panel = null; // for the picture
  const changes = new Map(); // block → the way in which it is changed

  // What stands in the page, from top to bottom.
  const title = make("strong", { class: "title" });
  const choices = make("span", { class: "choices" });
  const levels = make("span", { class: "levels", role: "group", "aria-label": "how far to open" });
  const head = make("div", { class: "row" }, title, choices, levels);
  const strip = make("div", { class: "strip", tabindex: 0, role: "slider", "aria-label": "place in the network" });
  const tip = make("div", { class: "tip", hidden: "" });
  const back = button("◀ back", () => step(-1));
  const next = button("next ▶", () => step(1));
  const play = button("▶ play", () => (timer ? halt() : start()));
  const speed = make("select", { "aria-label": "speed" }, ...Object.keys(SPEEDS).map((name) => make("option", {}, name)));
  speed.value = "normal";
  const zooms = make("span", { class: "zooms", role: "group", "aria-label": "zoom" },
    button("−", () => zoomTo(zoom / 1.6), "zoom out"), button("+", () => zoomTo(zoom * 1.6), "zoom in"));
  const hint = make("span", { class: "hint" }, "click or drag · ← → step · ↓ open · ↑ close");
  const steps = make("div", { class: "row steps" }, back, next, play, speed, zooms, hint);
  const heading = make("div", { class: "heading" });
  const bench = make("div", {}); // the panel for the picture
  const undo = make("div", { class: "row undo" }); // what is switched off
  const close = make("div", { class: "close-up" });
  const products = make("p", { class: "products" }); // stands in the close-up
  const answer = make("p", { class: "answer" });
  const words = make("p", { class: "words", "aria-live": "polite" });
  const status = make("p", { class: "status", role: "status" });
  root.append(head, bench, make("div", { class: "stage" }, strip, tip), steps, undo, heading, close, answer, words, status);
  element.replaceChildren(root);

  function button(label, act, name) {
    const made = make("button", { type: "button", ...(name ? { "aria-label": name, title: name } : {}) }, label);
    made.addEventListener("click", act);
    return made;
  }

  // A new network: keep the place if it has one of that name.
  function load(data, wanted = {}) {
    say("");
    network = { ...data };
    if (network.picture) network.picture = { ...network.picture, address: paintPicture(network.picture) };
    records.clear();
    stale.clear();
    changes.clear();
    clearTimeout(told);
    opened = new Set(wanted.opened ?? network.opened);
    at = findNode(network, wanted.place ?? at?.name, wanted.layer ?? at?.last ?? 0);
    if (!at && wanted.layer) at = barsOf(network, opened).find((bar) => bar.last >= wanted.layer);
    at ??= network.error ? rowNode(network, network.rows.length - 1) : barsOf(network, opened)[0];
    zoom = 1;
    picked = null;
    title.textContent = network.title;
    root.setAttribute("aria-label", `Explorer: ${network.title}`);
    showAnswer(network.answers);
    showPanel();
    showChoices();
    showLevels();
    redraw();
  }

  function showAnswer(found) {
    const answers = found?.map(([name, share]) => `${name} ${percent(share)}`).join(", ");
    answer.textContent = answers ? `The answer of the network: ${answers}` : "";
    answer.hidden = !answers;
  }

  function showChoices() {
    choices.replaceChildren();
    if (!network.choices || !host.choose) return;
    const selects = {};
    const labelled = { network: "network", size: "input size", channels: "channels" };
    for (const [name, { options, value }] of Object.entries(network.choices)) {
      const select = make("select", {}, ...options.map((option) => make("option", { value: option }, String(option))));
      select.value = value;
      select.disabled = options.length < 2;
      select.addEventListener("change", () => {
        halt();
        say("waiting for Python …");
        host.choose(Object.fromEntries(Object.entries(selects).map(([key, each]) => [key, key === "network" ? each.value : Number(each.value)])));
      });
      selects[name] = select;
      choices.append(make("label", {}, `${labelled[name] ?? name} `, select));
    }
  }

  function showLevels() {
    const depths = Math.max(0, ...network.folders.map((f) => around(network, f).length + 1));
    const names = depths > 1 ? ["stages", "blocks", "layers"] : depths ? ["blocks", "layers"] : [];
    levels.replaceChildren(...names.map((name) => button(name, () => {
      const depth = name === "stages" ? 0 : name === "layers" ? 99 : depths > 1 ? 1 : 0;
      opened = new Set(network.folders.filter((f) => around(network, f).length < depth).map((f) => f.name));
      at = barsOf(network, opened).find((bar) => bar.first <= at.last && at.last <= bar.last) ?? at;
      redraw();
      remember();
    }, `show ${name}`)));
  }

  const remember = () => host.remember?.({ layer: at.last, place: at.name, opened: [...opened] });
  const bars = () => barsOf(network, opened);

  // Everything: after opening, zooming, or when the width has changed.
  function redraw() {
    const room = strip.clientWidth || 900;
    layout = layOut(network, opened, room, zoom, letter());
    zooms.hidden = layout.zoomable < 1.7 && zoom === 1;
    strip.replaceChildren(drawStrip(network, layout, letter()));
    strip.classList.toggle("zoomed", zoom > 1);
    markChanges();
    mark();
    showPlace();
  }

  // Only the mark of the place: what a click changes in the strip.
  function mark() {
    for (const each of strip.querySelectorAll(".here")) each.classList.remove("here");
    strip.querySelector(".pointer")?.remove();
    const i = layout.nodes.findIndex((node) => node.first <= at.first && at.last <= node.last);
    const all = bars();
    const number = all.findIndex((bar) => bar.last >= at.last);
    strip.setAttribute("aria-valuemin", 1);
    strip.setAttribute("aria-valuemax", all.length);
    strip.setAttribute("aria-valuenow", number + 1);
    strip.setAttribute("aria-valuetext", `${at.name}, ${number + 1} of ${all.length}`);
    back.disabled = at.first === 0 && all[0].last >= at.last;
    next.disabled = at.last >= network.rows.length - 1;
    root.dataset.at = at.name;
    root.dataset.layer = at.last;
    const node = layout.nodes[i];
    if (!node) { // an open folder: all its bars
      layout.nodes.forEach((each, k) => { if (at.first <= each.first && each.last <= at.last) strip.querySelector(`[data-node="${k}"]`)?.classList.add("here"); });
      return;
    }
    strip.querySelector(`[data-node="${i}"]`)?.classList.add("here");
    const y = layout.foot - 4;
    strip.firstChild.append(draw("path", { d: `M${node.x.toFixed(1)} ${y}l-5 8h10z`, class: "pointer" }));
    if (zoom > 1 && (node.x < strip.scrollLeft + 30 || node.x > strip.scrollLeft + strip.clientWidth - 30)) {
      strip.scrollLeft = node.x - strip.clientWidth / 2;
    }
  }

  function showPlace() {
    picked = null;
    products.textContent = "";
    words.textContent = at.words ?? "";
    showHeading();
    showCloseUp();
    showField(at.field);
    fetchMaps();
  }

  function go(node, silent = false) {
    at = node;
    mark();
    showPlace();
    if (!silent) remember();
  }

  function step(by_) {
    const all = bars();
    const i = all.findIndex((bar) => bar.first <= at.first && at.last <= bar.last);
    const bar = all[i];
    if (bar && !bar.isRow && at.isRow) { // a row inside a closed block
      const row = at.last + by_;
      if (bar.first <= row && row <= bar.last) return go(rowNode(network, row));
      if (by_ < 0) return go(bar);
    }
    if (i < 0) { // an open folder stands for all its bars
      const beside = by_ > 0 ? all.find((each) => each.first >= at.first) : all.findLast((each) => each.last < at.first);
      if (beside) go(beside);
      return Boolean(beside);
    }
    const to = all[i + by_];
    if (to) go(to);
    return Boolean(to);
  }

  function toggle(node) {
    if (node.isRow) node = around(network, node).at(-1);
    if (!node) return;
    if (opened.has(node.name)) {
      opened.delete(node.name);
      at = node;
    } else {
      for (const outer of around(network, node)) opened.add(outer.name);
      opened.add(node.name);
      if (!at.isRow) at = bars().find((bar) => bar.first <= node.first && node.first <= bar.last);
    }
    redraw();
    remember();
  }

  function zoomTo(value, x = strip.clientWidth / 2) {
    const before = (strip.scrollLeft + x) / layout.width;
    zoom = clamp(value, 1, layout.zoomable);
    const kept = close.scrollTop;
    redraw();
    strip.scrollLeft = before * layout.width - x;
    close.scrollTop = kept;
  }

  // The line above the close-up: where one is, and the way up and down.
  function showHeading() {
    const focused = heading.contains(document.activeElement) || close.contains(document.activeElement);
    if (focused) strip.focus({ preventScroll: true }); // what had the focus is drawn anew
    const where = at.isRow ? `step ${at.last + 1} of ${network.rows.length}` : `steps ${at.first + 1} to ${at.last + 1} of ${network.rows.length}`;
    const kind = at.kind === "error" ? "it stops here" : at.label;
    heading.replaceChildren(make("strong", {}, at.name), make("span", { class: "kind" }, kind), make("span", { class: at.path === "shortcut" ? "soft on-shortcut" : "soft" }, at.path === "shortcut" ? `${where}, on the shortcut` : where));
    for (const folder of around(network, at)) {
      const made = button(`${opened.has(folder.name) ? "▾" : "▸"} ${folder.name}`, () => go(folder));
      made.dataset.layer = folder.name;
      made.dataset.kind = "folder";
      heading.append(made);
    }
    if (!at.isRow) {
      const isOpen = opened.has(at.name);
      const made = button(isOpen ? "▾ close it" : "▸ open it", () => toggle(at));
      made.setAttribute("aria-expanded", isOpen);
      heading.append(made);
    }
    const block = host.run && network.switches?.find(({ first, last }) => first <= at.first && at.last <= last);
    if (block) heading.append(switchOf(block));
  }

  // Another picture, or a network with parts switched off. While one run is on its way, only the
  // newest wish waits.
  function showPanel() {
    panel = null;
    undo.replaceChildren();
    bench.replaceChildren();
    if (!network.pictures || !host.run) return;
    const { choices } = network.pictures;
    const data = { ...network.pictures, choices: [{ ...choices[0], pixels: network.picture.pixels }, ...choices.slice(1)] };
    panel = picturePanel({
      data, ...network.picture, classes: network.classes, scores: network.scores, heatKnown: network.heat,
      changed(pixels, address) {
        network.picture.address = address;
        for (const image of root.querySelectorAll("image.picture")) image.setAttribute("href", address);
        runNetwork();
      },
    });
    panel.panel.open = choices.length > 1 && !host.large;
    bench.append(panel.panel);
  }

  let running = false;
  let again = false;
  let told = null;
  let newest = null; // what the newest run is of; when its answer comes, the page may be further
  async function runNetwork() {
    if (running) { again = true; return; }
    running = true;
    root.setAttribute("data-busy", "");
    const from = network;
    const slow = setTimeout(() => say("waiting for the network …"), 500);
    const about = newest = { words: panel.words(), off: [...changes].map(([name, way]) => `${name}: ${way.name}`), chosen: panel.choice() };
    try {
      const rules = [...changes.values()].map(({ row, source }) => [row, source]);
      const found = await host.run({ pixels: panel.pixels(), changes: rules });
      if (network === from && found) showRun(found, about);
    } catch (reason) {
      if (network === from) say(String(reason.message ?? reason));
    } finally {
      clearTimeout(slow);
      running = false;
      root.removeAttribute("data-busy");
      if (again) {
        again = false;
        if (network === from) runNetwork();
      }
    }
  }

  function showRun({ scores, heat }, about) {
    say("");
    for (const row of records.keys()) stale.add(row);
    if (network.classes) {
      const shares = scores ? probabilities(scores) : [];
      const best = shares.map((share, i) => [network.classes[i], share]).sort((a, b) => b[1] - a[1]).slice(0, 3);
      showAnswer(best);
      panel.showScores(scores, !about.off.length && about.chosen === panel.choice());
      // In words, when the hand rests.
      clearTimeout(told);
      const said = scores ? `${best[0][0]} ${percent(best[0][1])}` : "no answer in numbers";
      told = setTimeout(() => panel.tell([`${about.words}: ${said}`, ...about.off].join("; ")), 600);
    }
    panel.showHeat(heat);
    fetchMaps();
  }

  // One choice for a block: whole, or without one of its ways.
  function switchOf(block) {
    const box = make("span", { class: "tools", role: "group", "aria-label": `${block.name}: what is switched off` }, make("span", { class: "soft" }, `${block.name}:`));
    const now = changes.get(block.name);
    for (const way of [undefined, ...block.ways]) {
      const made = button(way?.name ?? "whole", () => change(block, way));
      made.setAttribute("aria-pressed", way === now);
      box.append(made);
    }
    if (now) box.append(make("span", { class: "soft" }, now.words));
    return box;
  }

  function change(block, way) {
    halt();
    if (way) changes.set(block.name, way);
    else changes.delete(block.name);
    undo.replaceChildren(...[...changes].map(([name, { name: how }]) => button(`${name}: ${how} ✕`, () => change({ name }), `${name}: ${how}. Make it whole again`)));
    markChanges();
    showHeading();
    const pressed = heading.querySelector('.tools [aria-pressed="true"]');
    pressed?.focus({ preventScroll: true });
    runNetwork();
  }

  // Switched off is drawn pale and dashed.
  function markChanges() {
    for (const each of strip.querySelectorAll(".off")) each.classList.remove("off");
    for (const [name, { row, name: how }] of changes) {
      if (how === "shortcut off") {
        for (const each of strip.querySelectorAll(`.line.shortcut[data-row="${row}"]`)) each.classList.add("off");
        continue;
      }
      const { first, last } = network.switches.find((each) => each.name === name);
      layout.nodes.forEach((node, i) => {
        const inside = first <= node.first && node.last <= last && node.path !== "shortcut" && !(node.isRow && node.first >= row);
        if (inside) strip.querySelector(`[data-node="${i}"]`)?.classList.add("off");
      });
    }
  }

  // 7. The close-up

  let volumes = []; // those that go in, and at the end the one that comes out

  function sourcesOf(row) {
    return network.edges.filter(([, target]) => target === row).map(([source]) => source);
  }

  function recordOf(row, shape) {
    const record = records.get(row);
    return record && String(record.shape) === String(shape) ? record : undefined;
  }

  function showCloseUp() {
    close.replaceChildren();
    volumes = [];
    if (at.kind === "error") {
      const { at: module, shapes, message } = network.error;
      close.append(make("div", { role: "alert", class: "alert" }, make("strong", {}, `It stops at ${module}${shapes.length ? `, where ${shapes.join(" and ")} met.` : "."}`), make("br"), message));
      return;
    }
    const wide = root.clientWidth || 900;
    const portrait = wide < 760;
    root.classList.toggle("portrait", portrait);
    const sources = at.isRow ? sourcesOf(at.first) : [];
    const how = network.edges.find(([, target]) => target === at.first)?.[2];
    const meeting = at.isRow && how && sources.length > 1;
    const many = meeting ? Math.min(sources.length, 3) : 1;
    const face = host.large ? (meeting ? 130 : 150) : portrait ? clamp((wide - 90) / (many + 1) / 1.5, 62, 120) : clamp(meeting ? (wide - 400) / 4.2 : (wide - (at.isRow ? 625 : 700)) / 2.7, 64, meeting ? 118 : 128);
    const scale = scaleOf(network, face);
    const outer = sourcesOutside();
    // "x + F(x)": the shortcut comes first.
    const ordered = sources.toSorted((a, b) => isShortcutInto(b) - isShortcutInto(a));
    const incoming = meeting ? ordered.slice(0, 3) : [outer[0]];
    const shapes = incoming.map((source) => (meeting && source >= 0 ? network.rows[source].out : meeting ? network.inputs[-1 - source] : at.in));
    const out = recordOf(at.last, at.out);
    // `apart`: what goes in is not what that row gave; something between them has no row.
    const ins = incoming.map((source, i) => (out?.apart && at.isRow ? undefined : recordOf(source, shapes[i])));
    const all = [...ins, out].filter(Boolean);
    const strongest = meeting && how === "add" ? Math.max(...all.map((record) => record.strongest)) : undefined;
    const isResidual = meeting && at.kind !== "sub" && how === "add" && sources.length === 2 && sources.filter(isShortcutInto).length === 1;
    const joined = { sub: "−", div: "÷" }[at.kind] ?? KINDS[how];
    const flow = make("div", { class: `flow${meeting ? " meeting" : ""}` });
    incoming.forEach((source, i) => {
      if (i) flow.append(make("span", { class: `meet ${how}`, "aria-hidden": "true" }, joined));
      const isShort = how === "add" && meeting && isShortcutInto(source);
      const name = isResidual ? (isShort ? "x" : "F(x)") : "in";
      const from = source === undefined ? "" : source < 0 ? (network.inputs.length > 1 ? `input ${-source}` : "the input") : network.rows[source].name;
      flow.append(volume(shapes[i], ins[i], scale, { strongest, tint: isShort ? "short" : "in", dropped: at.window?.dropped, last: meeting ? network.rows[source]?.out_last : at.in_last, name, from: isShort && meeting ? `${from} · the shortcut` : name === "F(x)" ? `${from} · the branch` : from }));
      if (meeting && isOff(source)) flow.lastChild.classList.add("off");
    });
    if (meeting) {
      if (sources.length > 3) flow.append(make("span", { class: "soft" }, `and ${sources.length - 3} more`));
      flow.append(make("span", { class: "meet", "aria-hidden": "true" }, "="));
    } else {
      flow.append(make("span", { class: "arrow", "aria-hidden": "true" }, "→"), operation(), make("span", { class: "arrow", "aria-hidden": "true" }, "→"));
    }
    const whole = !incoming.some(isOff);
    const sumName = isResidual && whole ? "x + F(x)" : "out";
    flow.append(volume(at.out, out, scale, { strongest, tint: "out", last: at.out_last, name: sumName, from: meeting ? at.label : "", isOut: true }));
    const point = !at.isRow ? "" : meeting && out ? "Point at a value of what comes out: the numbers that make it appear here."
      : out ? "Point at a value of what comes out: its window and its products appear here."
        : at.window && at.out.length > 2 ? "Point at the box of what comes out: the pixels that a window reads appear here." : "";
    products.dataset.hint = point;
    products.classList.toggle("hint", Boolean(point));
    close.append(flow, products, numbers(out));
    if (at.lane) close.append(make("p", { class: "lane" }, at.lane));
    if (all.length) {
      const shown = out ?? all[0];
      const more = shown.channels.length > 4 && at.out.length > 2 ? [button(grid ? "four channels" : `${shown.channels.length} channels`, () => { grid = !grid; showCloseUp(); })] : [];
      const list = shown.channels.slice(0, grid ? 99 : 4).join(", ");
      const which = shown.channels.length === shown.count ? "" : ", those that vary most";
      const what = shown.isMap ? `Channels ${list} of ${shown.count}` : `${shown.channels.length} of ${shown.count} numbers`;
      const legend = make("p", { class: "legend soft" }, `${what}${which}. Blue: positive, orange: negative, white: 0; strongest: ${digits(strongest ?? shown.strongest)}. `, ...more);
      close.append(legend);
    }
  }

  // Which row, outside of what is shown, feeds it?
  function sourcesOutside() {
    const edges = network.edges.filter(([source, target]) => at.first <= target && target <= at.last && (source < at.first || source > at.last));
    const first = edges.filter(([, target]) => target === at.first);
    return [...new Set((first.length ? first : edges).map(([source]) => source))];
  }

  // Is what this row gives switched off where it is added?
  const isOff = (added) => [...changes.values()].some(({ row, source }) => at.isRow && row === at.first && source !== added);

  function isShortcutInto(source) {
    const shortcut = network.shortcuts.find(([, end]) => end === at.first);
    if (!shortcut) return false;
    const [begin, , layers] = shortcut;
    return layers.length ? layers.includes(source) : source === begin;
  }

  function volume(shape, record, scale, options) {
    const made = drawVolume(shape, measures(network, shape, options.last), record, scale, { grid, strongest: options.strongest ?? record?.strongest, tint: options.tint, dropped: options.dropped, classes: options.isOut && at.last === network.rows.length - 1 ? network.classes : undefined });
    const caption = make("figcaption", {}, make("strong", {}, options.name), make("span", { class: "shape" }, by(shape)), make("span", { class: "soft" }, options.from));
    const figure = make("figure", { class: `volume ${options.tint}` }, made.svg, caption);
    volumes.push(made);
    if (options.isOut) {
      made.svg.setAttribute("tabindex", 0);
      made.svg.setAttribute("role", "application");
      made.svg.setAttribute("aria-label", `what comes out, ${by(shape)}: arrow keys go from value to value`);
      touchValues(made);
    } else {
      made.svg.setAttribute("role", "img");
      made.svg.setAttribute("aria-label", `${options.name}: ${by(shape)}`);
    }
    return figure;
  }

  function operation() {
    const box = make("div", { class: "operation" }, make("strong", {}, at.label ?? ""));
    if (!at.isRow) {
      box.append(drawBlock(network, at, letter()));
      return box;
    }
    for (const line of at.about ?? []) box.append(make("span", {}, line));
    if (at.window && at.out.at(-1) > 1 && !/^adaptive|transpose/i.test(at.kind)) box.append(drawWindows(at.window));
    return box;
  }

  function numbers(record) {
    const list = make("dl");
    for (const [what, formula, remark] of at.sums ?? []) {
      list.append(make("dt", {}, what), make("dd", {}, make("strong", {}, formula), ...(remark ? [make("span", { class: "remark" }, remark)] : [])));
    }
    const known = new Set((at.sums ?? []).map(([what]) => (what === "weights" ? "parameters" : what)));
    const facts = make("dl", { class: "facts" });
    for (const [what, value] of at.facts ?? []) {
      if (!known.has(what) || what === "parameters") facts.append(make("div", {}, make("dt", {}, what), make("dd", {}, make("strong", {}, value))));
    }
    const share = Math.round(100 * (at.share ?? 0));
    const meter = make("div", { class: "meter" }, make("span", { style: `width:${share}%` }));
    const done = network.error ? [] : [meter, make("span", { class: "soft" }, `${share} % of all multiply-adds are done`)];
    const panel = make("div", { class: "numbers" }, ...(list.firstChild ? [list] : []), facts, ...done);
    if (network.picture) {
      const [, high, wide] = network.picture.shape;
      const side = 92;
      const svg = draw("svg", { class: "seen", viewBox: `0 0 ${wide} ${high}`, width: side, height: side * high / wide, role: "img", "aria-label": `what one value sees of ${network.picture.words}` });
      svg.append(draw("image", { href: network.picture.address, width: wide, height: high, class: "picture" }), draw("rect", { class: "field", width: 0, height: 0 }));
      panel.append(make("div", { class: "seen-box" }, svg, make("span", { class: "soft" }, "the frame: what one value sees")));
    }
    return panel;
  }

  // The frame on the picture: which pixels can this value see?
  function showField(field) {
    const frames = [[root.querySelector(".seen .field"), null], [strip.querySelector(".field"), layout.nodes[0]]];
    for (const [frame, node] of frames) {
      if (!frame) continue;
      if (!field || !network.picture) { frame.setAttribute("width", 0); continue; }
      const [, high, wide] = network.picture.shape;
      const [[y0, y1], [x0, x1]] = [[clamp(field[0][0], 0, high), clamp(field[0][1] + 1, 0, high)], [clamp(field[1][0], 0, wide), clamp(field[1][1] + 1, 0, wide)]];
      const unit = node ? node.wide / wide : 1;
      const [left, top] = node ? [node.x - node.wide / 2, node.y - node.high / 2] : [0, 0];
      for (const [name, value] of [["x", left + x0 * unit], ["y", top + y0 * unit], ["width", (x1 - x0) * unit], ["height", (y1 - y0) * unit]]) frame.setAttribute(name, value.toFixed(2));
    }
  }

  // 8. Numbers under the pointer

  function touchValues(made) {
    const point = (event) => {
      const card = made.cards.find(({ group }) => group.contains(event.target));
      if (!card) return;
      const rect = group_rect(card.group);
      const y = clamp(Math.floor((event.clientY - rect.top) / rect.height * made.rows), 0, made.rows - 1);
      const x = clamp(Math.floor((event.clientX - rect.left) / rect.width * made.across), 0, made.across - 1);
      pick(card.k, y, x);
    };
    made.svg.addEventListener("pointermove", (event) => { products.removeAttribute("aria-live"); point(event); });
    made.svg.addEventListener("pointerdown", point);
    made.svg.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      products.setAttribute("aria-live", "polite");
      const [k, y, x] = picked ?? [0, made.rows >> 1, made.across >> 1];
      if (made.isMap) pick(k, clamp(y + move[0], 0, made.rows - 1), clamp(x + move[1], 0, made.across - 1));
      else pick(clamp(k + move[0] + move[1], 0, made.cards.length - 1), 0, 0);
    });
    made.svg.addEventListener("focus", () => { if (!picked) pick(0, made.rows >> 1, made.across >> 1); });
  }

  const group_rect = (group) => group.querySelector(".edge, .front").getBoundingClientRect();

  // Show one value of the output: its window in the input, the products, what it sees.
  function pick(k, y, x) {
    picked = [k, y, x];
    const out = volumes.at(-1);
    for (const each of volumes) each.light.replaceChildren();
    const window_ = windowOf(y, x);
    outline(out, k, y, x, 1, 1);
    volumes.slice(0, -1).forEach((each, i) => {
      const read = at.isRow && each.isMap && readsOf(each, i, k, y, x);
      if (!read) return;
      const w = read.window;
      // A box stands for all channels; of cards only those that are read.
      for (const card of each.cards.filter(({ channel }) => channel === undefined || read.has(channel)).toReversed()) {
        outline(each, card.k, w.y, w.x, w.high, w.wide);
        if (w.mode || w.down > 1 || w.right > 1) pixels(each, card.k, w);
      }
    });
    showField(fieldOf(y, x));
    products.replaceChildren(...productsOf(k, y, x, window_));
  }

  // Convolutions and linear layers mix channels; whatever else has no products of weights.
  const keepsChannels = () => at.isRow && !at.facts?.some(([what]) => what === "multiply-adds");

  // What the value at (y, x) of card k reads of a volume that goes in: {window, has(channel)}. Only
  // where that is known for sure: a norm over several channels, say, has no place to point at.
  function readsOf(made, i, k, y, x) {
    const out = volumes.at(-1);
    const channel = out.record?.channels[k];
    const pixel = (row, column) => ({ y: row, x: column, high: 1, wide: 1 });
    const of = (window, ...channels) => ({ window, has: (one) => channels.includes(one) });
    const equal = (number, row, column) => { // do both hold the same number?
      const card = made.record?.channels.indexOf(number);
      return card < 0 || Math.abs(made.record?.value(card, row, column) - out.record.value(k, y, x)) <= 0.002 * out.record.strongest;
    };
    const kind = at.kind.toLowerCase().replace(/_/g, "");
    const sources = sourcesOf(at.first);
    if (sources.length > 1 && /^cat/.test(kind)) {
      if (!made.record || !out.record) return undefined;
      let before = 0; // channels of those in front of this one
      const counts = sources.map((source) => countOf(source < 0 ? network.inputs[-1 - source] : network.rows[source].out, source >= 0 && network.rows[source].out_last));
      for (const [j, source] of sources.entries()) if (source === made.record.row) break; else before += counts[j];
      const own = channel - before;
      const whole = sum(counts) === countOf(at.out, at.out_last) && made.rows === out.rows && made.across === out.across;
      return whole && own >= 0 && own < made.record.count && equal(own, y, x) ? of(pixel(y, x), own) : undefined;
    }
    if (sources.length > 1) { // number by number, if that makes what comes out
      if (!/^(add|sub|mul|div)$/.test(kind) || (out.record && !meets(k, y, x))) return undefined;
      return of(pixel(made.rows === 1 ? 0 : y, made.across === 1 ? 0 : x), channel, ...(made.record?.count === 1 ? [0] : []));
    }
    if (at.window && !/transpose/.test(kind)) {
      const window = windowOf(y, x);
      if (keepsChannels()) return of(window, channel);
      const per = at.groups ? [countOf(at.in) / at.groups, countOf(at.out) / at.groups] : [Infinity, Infinity];
      const [ins, outs] = per;
      return { window, has: (one) => Math.floor(one / ins) === Math.floor(channel / outs) };
    }
    if (kind === "linear" && made.rows === out.rows && made.across === out.across && at.in_last && at.out_last) return { window: pixel(y, x), has: () => true };
    if (EACH_NUMBER.test(kind) && String(at.in) === String(at.out)) {
      // A batch norm without running numbers takes those of the whole channel.
      return out.record && !out.record.affine && /norm/.test(kind) ? undefined : of(pixel(y, x), channel);
    }
    if (!made.record || !out.record) return undefined;
    if (kind === "flatten" && at.out.length === 1 && !at.in_last) {
      const [own, rest] = [Math.floor(channel / (made.rows * made.across)), channel % (made.rows * made.across)];
      const [row, column] = [Math.floor(rest / made.across), rest % made.across];
      return equal(own, row, column) ? of(pixel(row, column), own) : undefined;
    }
    if (/^(permute|transpose)$/.test(kind) && made.rows === out.rows && made.across === out.across) return equal(channel, y, x) ? of(pixel(y, x), channel) : undefined;
    const one = /^(mean|sum|amax|amin)$/.test(kind) && String(at.out) === String([at.in[0], 1, 1].slice(0, at.out.length)) && at.in.slice(1).every((side) => side !== at.in[0]);
    return one ? of({ y: 0, x: 0, high: made.rows, wide: made.across }, channel) : undefined;
  }

  const countOf = (shape, last) => (last ? shape.at(-1) : shape[0]);

  // Is this value the sum, or the product, of those at its place?
  function meets(k, y, x) {
    const out = volumes.at(-1).record;
    const terms = volumes.slice(0, -1).map(({ record }) => {
      const card = record?.count === 1 ? 0 : record?.channels.indexOf(out.channels[k]);
      return card >= 0 ? record.value(card, record.rows === 1 ? 0 : y, record.across === 1 ? 0 : x) : NaN;
    });
    const made = { add: terms.reduce((a, b) => a + b), sub: terms.reduce((a, b) => a - b), mul: terms.reduce((a, b) => a * b), div: terms.reduce((a, b) => a / b) }[at.kind];
    return Math.abs(made - out.value(k, y, x)) <= 0.005 * Math.max(out.strongest, ...volumes.map(({ record }) => record?.strongest ?? 0));
  }

  function windowOf(y, x) {
    const source = volumes[0];
    if (!at.isRow) return { y: 0, x: 0, high: source.rows, wide: source.across };
    if (at.window && !/^adaptive/i.test(at.kind)) {
      const { kernel, stride, padding, dilation = [1], mode } = at.window;
      const [kh, kw] = kernel.length > 1 ? kernel.slice(-2) : [1, kernel[0]];
      const [sh, sw] = stride.length > 1 ? stride.slice(-2) : [1, stride[0]];
      const [ph, pw] = padding.length > 1 ? padding.slice(-2) : [0, padding[0]];
      const [down, right] = dilation.length > 1 ? dilation.slice(-2) : [1, dilation[0]];
      return { y: y * sh - ph, x: x * sw - pw, high: (kh - 1) * down + 1, wide: (kw - 1) * right + 1, down, right, mode };
    }
    const out = volumes.at(-1);
    if (source.rows === out.rows && source.across === out.across) return { y, x, high: 1, wide: 1 };
    const [high, wide] = [source.rows / out.rows, source.across / out.across];
    const [top, left] = [Math.floor(y * high), Math.floor(x * wide)]; // as adaptive pooling does
    return { y: top, x: left, high: Math.ceil((y + 1) * source.rows / out.rows) - top, wide: Math.ceil((x + 1) * source.across / out.across) - left };
  }

  function outline(made, k, y, x, high, wide) {
    const card = made.cards.find((each) => each.k === k) ?? made.cards.at(-1);
    if (!card) return;
    const [uy, ux] = [card.high / made.rows, card.wide / made.across];
    made.light.append(draw("rect", { "data-card": card.k, class: card.k && !grid && !keepsChannels() ? "window-frame faint" : "window-frame", x: card.x + x * ux, y: card.y + y * uy, width: Math.max(wide * ux, 3), height: Math.max(high * uy, 3) }));
  }

  // A window with gaps, or one that goes on elsewhere on the map: the pixels that it reads.
  function pixels(made, k, w) {
    const card = made.cards.find((each) => each.k === k);
    if (!card) return;
    const [uy, ux] = [card.high / made.rows, card.wide / made.across];
    const [ys, xs] = [placesOf(w.y, w.high, w.down, made.rows, w.mode), placesOf(w.x, w.wide, w.right, made.across, w.mode)];
    const d = ys.flatMap((y) => xs.map((x) => `M${(card.x + x * ux).toFixed(2)} ${(card.y + y * uy).toFixed(2)}h${ux.toFixed(2)}v${uy.toFixed(2)}h${(-ux).toFixed(2)}z`)).join("");
    made.light.append(draw("path", { class: "pixels", "data-card": k, "data-rows": ys.join(" "), "data-columns": xs.join(" "), d }));
  }

  // Which rows (or columns) of a map of `size` does a window read? None of those in the padding.
  function placesOf(first, span, gap = 1, size, mode) {
    const found = Array.from({ length: Math.ceil(span / gap) }, (_, i) => first + i * gap).map((place) => {
      if (mode === "circular") return ((place % size) + size) % size;
      if (mode === "reflect") return place < 0 ? -place : place >= size ? 2 * (size - 1) - place : place;
      return mode === "replicate" ? clamp(place, 0, size - 1) : place;
    });
    return [...new Set(found)].filter((place) => place >= 0 && place < size).sort((a, b) => a - b);
  }

  function fieldOf(y, x) {
    const fields = recordOf(at.last, at.out)?.fields;
    if (!fields) return at.field;
    return [[fields.y[0][y], fields.y[1][y]], [fields.x[0][x], fields.x[1][x]]];
  }

  function productsOf(k, y, x, w) {
    const out = volumes.at(-1).record;
    const ins = volumes.slice(0, -1).map((each) => each.record);
    const map = volumes.at(-1).isMap;
    const where = map ? `row ${y}, column ${x}` : "";
    const source_ = volumes[0];
    const outside = w.y < 0 || w.x < 0 || w.y + w.high > source_.rows || w.x + w.wide > source_.across;
    if (/transpose/i.test(at.kind)) return out ? [make("strong", {}, `channel ${out.channels[k]}, ${where}: ${digits(out.value(k, y, x))}`)] : [];
    if (!out) return map && at.isRow && at.window ? [`${where}: reads ${inWords("rows", w.y, w.high, w.down)} and ${inWords("columns", w.x, w.wide, w.right)} of what goes in${outside ? `; what lies outside is padding${w.mode ? `, ${w.mode}` : at.kind.startsWith("Conv") ? ", zeros" : ""}` : ""}.`] : [];
    const value = out.value(k, y, x);
    const start = make("strong", {}, `channel ${out.channels[k]}${where ? `, ${where}` : ""}: ${digits(value)}`);
    if (!at.isRow || ins.some((record) => !record)) return [start];
    // An equation stands here only if it holds: by the numbers that were sent, to a hundredth.
    const strongest = Math.max(out.strongest, ...ins.map((record) => record.strongest));
    const near = (made) => Math.abs(made - value) <= 0.005 * strongest;
    const same = (record) => record.channels.indexOf(out.channels[k]); // its place among those shown
    const at_ = (record) => record.value(same(record), record.rows === 1 ? 0 : y, record.across === 1 ? 0 : x);
    if (ins.some((record) => same(record) < 0 && keepsChannels())) return [start];
    if (ins.length > 1) {
      const how = network.edges.find(([, target]) => target === at.first)[2];
      const terms = ins.map(at_);
      const made = how === "add" ? sum(terms) : how === "multiply" ? terms.reduce((a, b) => a * b) : NaN;
      if (!near(made)) return [start];
      const written = terms.map((term, i) => (i ? factor(term) : digits(term)));
      return [start, ` = ${written.join(how === "add" ? " + " : " · ")}`];
    }
    const [source] = ins;
    if (out.affine) {
      const [a, b] = out.affine[k];
      if (a === null || b === null || !near(a * at_(source) + b)) return [start];
      return [start, ` = ${digits(a)} · ${factor(at_(source))} ${b < 0 ? "−" : "+"} ${digits(Math.abs(b))}`];
    }
    if (/^relu$/i.test(at.kind)) return near(Math.max(0, at_(source))) ? [start, ` = max(0, ${digits(at_(source))})`] : [start];
    if (/maxpool|avgpool|^mean/i.test(at.kind.replace(/_/g, ""))) {
      const read = inWindow(source, same(source), w).map((each) => each.value);
      if (/max/i.test(at.kind)) return near(Math.max(...read)) && read.length <= 25 ? [start, ` = the largest of ${read.map(digits).join(", ")}`] : [start];
      return near(sum(read) / read.length) ? [start, ` = the mean of ${read.length} ${read.length === 1 ? "value" : "values"}`] : [start];
    }
    if (!out.weights) return [start];
    // A convolution: the products of the first channel one by one, the sums of the others. Of grouped
    // channels only those of the own group are read.
    const inGroup = (channel) => !at.groups || Math.floor(channel * at.groups / source.count) === Math.floor(out.channels[k] * at.groups / out.count);
    const parts = source.channels.flatMap((channel, j) => {
      if (!inGroup(channel)) return [];
      const terms = source.isMap ? inWindow(source, j, w) : [{ value: source.value(j, 0, 0), dy: 0, dx: 0 }];
      return { channel, terms: terms.map((t) => [t.value, out.weight(k, j, t.dy, t.dx)]) };
    });
    if (!parts.length) return [start]; // none of those that are read is shown
    const sums = parts.map((part) => sum(part.terms.map(([a, b]) => a * b)));
    const bias = out.bias?.[k] ?? 0;
    const rest = value - bias - sum(sums);
    const hidden = source.count / (at.groups ?? 1) - parts.length;
    const some = parts[0].terms.length > 16 ? parts[0].terms.slice(0, 4) : parts[0].terms;
    const first = some.map(([a, b]) => `${digits(a)}·${factor(b)}`).join(" + ") + (some.length < parts[0].terms.length ? ` + … (${parts[0].terms.length} products)` : "");
    const list = parts.slice(1, 8).map((part, i) => `channel ${part.channel}: ${digits(sums[i + 1])}`).join("; ");
    const further = parts.length > 8 ? sum(sums.slice(8)) : 0;
    const others = hidden + Math.max(parts.length - 8, 0);
    return [start, make("br"), `channel ${parts[0].channel}: ${first} = ${digits(sums[0])}`,
      ...(list ? [make("br"), list] : []),
      ...(others > 0 ? [`; the ${others} other channels together: ${digits(rest + further)}`] : []),
      ...(out.bias ? [`; bias: ${digits(bias)}`] : [])];
  }

  const inWords = (what, first, span, gap) => (gap > 1 ? `${what} ${Array.from({ length: Math.ceil(span / gap) }, (_, i) => first + i * gap).join(", ")}` : `${what} ${first} to ${first + span - 1}`);

  // The values that a window reads of one channel; what lies in the padding is left out.
  function inWindow(record, j, w) {
    const found = [];
    const { rows, across } = record;
    const [down, right] = [w.down ?? 1, w.right ?? 1];
    for (let dy = 0; dy * down < w.high; dy++) {
      for (let dx = 0; dx * right < w.wide; dx++) {
        const [y, x] = [w.y + dy * down, w.x + dx * right];
        if (y >= 0 && x >= 0 && y < rows && x < across) found.push({ value: record.value(j, y, x), dy, dx });
      }
    }
    return found;
  }

  // Feature maps come from the host: at once in the book, from the kernel in JupyterLab.
  function keep(raw) {
    stale.delete(raw.row);
    if (!raw.shape) return records.set(raw.row, undefined); // a row that cannot be drawn so
    const values = raw.values instanceof Float32Array ? raw.values : halves(raw.values, raw.scale);
    const isMap = raw.shape.length > 2;
    const [rows, across] = !isMap ? [1, 1] : raw.last ? raw.shape : raw.shape.slice(-2);
    const area = rows * across;
    const weights = raw.weights && halves(raw.weights, raw.weight_scale);
    const [ins, kh, kw] = raw.weight_shape ? raw.weight_shape.slice(1) : [];
    const pictures = new Map();
    records.set(raw.row, {
      ...raw, isMap, rows, across, count: countOf(raw.shape, raw.last),
      weights,
      strongest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
      value: (k, y, x) => values[k * area + y * across + x],
      weight: (k, j, dy, dx) => weights[((k * ins + j) * (kh ?? 1) + dy) * (kw ?? 1) + dx],
      paint(k, strongest) {
        const key = `${k} ${strongest}`;
        if (!pictures.has(key)) pictures.set(key, paint(values.subarray(k * area, (k + 1) * area), rows, across, strongest));
        return pictures.get(key);
      },
    });
  }

  function wantedRows() {
    const sources = at.isRow ? sourcesOf(at.first) : sourcesOutside();
    return [...new Set([...sources.slice(0, 3), at.last])];
  }

  function fetchMaps() {
    if (!network.maps || at.kind === "error") return;
    const missing = wantedRows().filter((row) => !records.has(row) || stale.has(row));
    const asked = at;
    const from = network;
    const arrived = missing.map((row) => host.maps(row)).filter(Boolean);
    for (const raw of arrived) if (!(raw instanceof Promise)) keep(raw);
    const later = arrived.filter((raw) => raw instanceof Promise);
    if (arrived.length > later.length) showCloseUp(), showField(at.field);
    if (!later.length) return;
    const slow = setTimeout(() => say("waiting for Python …"), 400);
    Promise.all(later).then((found) => {
      clearTimeout(slow);
      if (network !== from) return;
      say("");
      found.filter(Boolean).forEach(keep);
      if (at === asked) { showCloseUp(); showField(at.field); }
    }, (reason) => { clearTimeout(slow); if (network === from) say(String(reason)); });
  }

  const say = (text) => { status.textContent = text; };

  // 9. Touch and keys

  // A deck of slides scales its pages; the pointer is told in pixels of the screen.
  const scaled = () => strip.getBoundingClientRect().width / strip.offsetWidth || 1;
  const inStrip = (event) => (event.clientX - strip.getBoundingClientRect().left) / scaled();

  function nodeUnder(event) {
    const touched = event.target.closest?.("[data-layer]");
    if (!touched) return undefined;
    const { node, row, layer } = touched.dataset;
    if (row !== undefined) return { node: findNode(network, layer, Number(row)), touched };
    if (node !== undefined) {
      const own = layout.nodes[node];
      return own.isInput || own.isOutput ? { own, touched } : { node: findNode(network, own.name, own.last), own, touched };
    }
    return { node: findNode(network, layer, at.last), touched };
  }

  const pointers = new Map();
  let spread = null;
  let dragged = false;
  let pressed = 0; // where the pointer went down

  const press = (event) => {
    const found = nodeUnder(event);
    if (found?.node) { halt(); go(found.node); }
  };
  strip.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    dragged = false;
    pressed = event.clientX;
    if (event.button) return;
    if (pointers.size === 2) spread = { from: distance(), zoom };
    if (event.pointerType !== "touch") press(event);
  });
  strip.addEventListener("pointermove", (event) => {
    if (pointers.has(event.pointerId)) {
      pointers.set(event.pointerId, event);
      if (spread && pointers.size === 2) return zoomTo(spread.zoom * distance() / spread.from);
      if (!event.buttons) return pointers.clear();
      // Drag along the strip: the bar above or below the pointer.
      const x = inStrip(event) + strip.scrollLeft;
      const near = layout.nodes.filter((node) => node.lane === 0 && !node.isInput && !node.isOutput)
        .reduce((best, node) => (!best || Math.abs(node.x - x) < Math.abs(best.x - x) ? node : best), undefined);
      if (near && !(near.first <= at.first && at.last <= near.last) && (dragged || Math.abs(event.clientX - pressed) > 5)) {
        dragged = true;
        go(findNode(network, near.name, near.last));
      }
    }
    showTip(event);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    strip.addEventListener(end, (event) => {
      // A finger that scrolls the page over the strip ends in pointercancel, and changes nothing.
      if (end === "pointerup" && event.pointerType === "touch" && !dragged && !spread && pointers.has(event.pointerId)) press(event);
      pointers.delete(event.pointerId);
      spread = null;
    });
  }
  strip.addEventListener("pointerleave", () => { tip.hidden = true; });
  strip.addEventListener("dblclick", (event) => { const found = nodeUnder(event); if (found?.node && !found.node.isRow) toggle(found.node); });
  strip.addEventListener("wheel", (event) => {
    // The page must stay scrollable: the wheel zooms with Ctrl, or where the strip was touched before.
    if (!event.ctrlKey && document.activeElement !== strip) return;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return; // sideways: the strip scrolls
    if (zoom === 1 && (event.deltaY > 0 || layout.zoomable < 1.2)) return;
    event.preventDefault();
    zoomTo(zoom * 2 ** (-event.deltaY / 300), inStrip(event));
  }, { passive: false });
  const distance = () => {
    const [a, b] = [...pointers.values()];
    return Math.max(10, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
  };

  function showTip(event) {
    const found = nodeUnder(event);
    tip.hidden = !found || event.pointerType === "touch"; // a finger hides what is below it
    if (tip.hidden) return;
    const node = found.node ?? found.own;
    const isShortcut = found.touched.dataset.kind === "shortcut";
    const lines = [node.isInput || node.isOutput ? `${node.name}: ${by(node.out)}` : node.kind === "error" || node.kind === "unused" ? "" : `${by(node.in)} → ${by(node.out)}`].filter(Boolean);
    const params = node.facts?.find(([what]) => what === "parameters");
    if (params && params[1] !== "0") lines.push(`${params[1]} parameters`);
    if (isShortcut) lines.push("here the shortcut is added");
    tip.replaceChildren(make("strong", {}, node.name), make("span", {}, node.label ?? ""), ...lines.map((line) => make("span", {}, line)));
    const wide = strip.clientWidth;
    tip.style.left = `${clamp(inStrip(event), 90, Math.max(wide - 90, 90))}px`;
    tip.style.top = `${(event.clientY - strip.getBoundingClientRect().top) / scaled() + 18}px`;
  }

  close.addEventListener("click", (event) => {
    const touched = event.target.closest(".part[data-layer]");
    if (touched) { halt(); go(findNode(network, touched.dataset.layer, Number(touched.dataset.row))); }
  });

  const KEYS = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    Home: () => go(bars()[0]),
    End: () => go(bars().at(-1)),
    ArrowDown: () => (at.isRow || opened.has(at.name) ? step(1) : toggle(at)),
    ArrowUp: () => { const outer = around(network, at).at(-1); if (!outer) return; if (opened.has(outer.name)) toggle(at.isRow ? at : outer); else go(outer); },
    Enter: () => { if (!at.isRow) toggle(at); },
    "+": () => zoomTo(zoom * 1.6),
    "-": () => zoomTo(zoom / 1.6),
    " ": () => (timer ? halt() : start()),
  };
  strip.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key !== " ") halt();
    KEYS[event.key]();
  });
  // The page around has keys of its own: slides and mdBook turn pages, JupyterLab leaves the cell.
  // Page Down and Escape stay theirs.
  root.addEventListener("keydown", (event) => {
    if (KEYS[event.key] || event.target.closest("select, button")) event.stopPropagation();
  });

  function start() {
    if (at.last >= network.rows.length - 1) go(bars()[0]);
    play.textContent = "■ stop";
    words.setAttribute("aria-live", "off"); // a voice could not follow
    const tick = () => {
      if (step(1) === false) return halt();
      timer = setTimeout(tick, SPEEDS[speed.value]);
    };
    timer = setTimeout(tick, SPEEDS[speed.value]);
  }

  function halt() {
    clearTimeout(timer);
    timer = null;
    play.textContent = "▶ play";
    words.setAttribute("aria-live", "polite");
  }

  let wide = 0;
  const watcher = new ResizeObserver(() => {
    if (root.clientWidth && root.clientWidth !== wide) {
      wide = root.clientWidth;
      redraw();
    }
  });
  load(host.network, host.state ?? {});
  watcher.observe(root);

  return {
    load,
    // What was asked for cannot be had: the choices go back to what is shown.
    refused(text) { say(text); showChoices(); },
    lateRun(found) { showRun(found, newest); },
    late(record) { keep(record); say(""); showCloseUp(); showField(at.field); },
    // The host has another place: a learner wrote `explorer.layer = 17`.
    follow({ layer, place, opened: folders }) {
      const node = findNode(network, place, layer);
      const same = folders.length === opened.size && folders.every((name) => opened.has(name));
      if (!node || (same && node.name === at.name && node.last === at.last)) return;
      opened = new Set(folders);
      at = node;
      redraw();
    },
    end() { halt(); watcher.disconnect(); },
  };
}

// 10. Hosts

// JupyterLab: an anywidget. Its state is the state of the Python object.
function render({ model, el }) {
  const SILENT = "Python does not answer: it is busy, or its kernel has ended. What was shown before can still be seen.";
  const waiting = new Map(); // "network row" → what was asked for
  let own = false; // the page itself is changing the state
  let choosing = null;
  let asked = Math.floor(Math.random() * 2 ** 40); // runs: another view of the object has other numbers;
  let run = 0; // the one whose maps are shown; 0 is the picture that was given
  const runs = new Map();
  const host = {
    network: model.get("network"),
    state: state(),
    remember(now) {
      own = true;
      for (const [name, value] of Object.entries(now)) model.set(name, value);
      own = false;
      model.save_changes();
    },
    choose(choice) {
      clearTimeout(choosing);
      choosing = setTimeout(() => view.refused(SILENT), 8000);
      model.send({ ask: "choose", ...choice });
    },
    run({ pixels, changes }) {
      asked += 1;
      const [number, network] = [asked, model.get("network").id];
      return new Promise((resolve, reject) => {
        let late = false;
        const timer = setTimeout(() => { late = true; reject(SILENT); }, 8000);
        const end = () => { clearTimeout(timer); runs.delete(number); };
        runs.set(number, {
          done(found) {
            end();
            if (number !== asked) return; // the page has stopped to wait, and asked for a newer one
            run = number;
            if (late) view.lateRun(found);
            else resolve(found);
          },
          failed(text) { end(); reject(text); },
          dropped() { end(); resolve(undefined); }, // the network is gone
        });
        model.send({ ask: "run", run: number, network, changes }, undefined, [pixels.buffer]);
      });
    },
    maps(row) {
      const network = model.get("network").id;
      const key = `${network} ${row} ${run}`;
      if (waiting.has(key)) return waiting.get(key).promise;
      const asked = {};
      asked.promise = new Promise((resolve, reject) => {
        asked.resolve = resolve;
        asked.timer = setTimeout(() => { waiting.delete(key); reject(SILENT); }, 8000);
      });
      waiting.set(key, asked);
      model.send({ ask: "maps", row, network, run });
      return asked.promise;
    },
  };
  function state() {
    return { layer: model.get("layer"), place: model.get("place"), opened: model.get("opened") };
  }
  const view = explorer(el, host);
  const changed = () => {
    clearTimeout(choosing);
    run = 0;
    for (const each of [...runs.values()]) each.dropped();
    for (const { timer, resolve } of waiting.values()) { clearTimeout(timer); resolve(undefined); }
    waiting.clear();
    view.load(model.get("network"), state());
  };
  const moved = () => { if (!own) view.follow(state()); };
  const answered = (message, buffers) => {
    if (message.failed && message.ran) return runs.get(message.ran)?.failed(message.failed);
    if (message.failed) { clearTimeout(choosing); return view.refused(message.failed); }
    if (message.ran) return runs.get(message.ran)?.done(message);
    if (!message.maps) return undefined;
    const key = `${message.network} ${message.maps.row} ${message.run}`;
    const record = { ...message.maps, values: buffers[0], weights: buffers[1] };
    const asked = waiting.get(key);
    if (asked) { clearTimeout(asked.timer); asked.resolve(record); }
    else if (message.network === model.get("network").id && message.run === run) view.late(record); // a kernel that was busy
    return waiting.delete(key);
  };
  model.on("change:network", changed);
  model.on("change:layer change:place change:opened", moved);
  model.on("msg:custom", answered);
  return () => {
    view.end();
    model.off("change:network", changed);
    model.off("change:layer change:place change:opened", moved);
    model.off("msg:custom", answered);
  };
}

// A page without a kernel: all data lies there. `options.weights`, a name → the promise of a text,
// brings the network to life (see network.js).
function show(element, data, options = {}) {
  const { network, maps = {} } = data;
  const state = options.state ?? { layer: network.start, place: network.place, opened: network.opened };
  const living = options.weights && network.live ? liveNetwork(data, options.weights) : { maps: (row) => maps[row] };
  return explorer(element, { network, state, large: options.large, ...living });
}

function liveNetwork({ network, maps }, weights) {
  const { steps, head, weights: name } = network.live;
  const { scale, shift } = network.pictures;
  const channels = scale.length;
  const area = network.picture.shape[1] * network.picture.shape[2];
  let outputs = null; // of each row
  let input = null;
  let started = null;
  const start = async () => {
    const numbers = weightsOf(await weights(name));
    return { numbers, ...startNetwork(steps, numbers) };
  };
  return {
    async run({ pixels, changes }) {
      started ??= start().catch((reason) => { started = null; throw reason; });
      const alive = await started;
      const x = new Float32Array(channels * area);
      for (let i = 0; i < x.length; i++) {
        const c = Math.floor(i / area);
        x[i] = pixels[(i % area) * channels + c] / 255 * scale[c] + shift[c];
      }
      const found = await alive.run(x, changes);
      if (!found) return undefined; // a newer picture has overtaken it
      [outputs, input] = [found, x];
      const scores = found.at(-1);
      return { scores, heat: head && heatOf(alive.numbers, scores) };
    },
    // The channels that Python has chosen, of the newest run.
    maps(row) {
      const stored = maps[row];
      if (!outputs || !stored?.shape) return stored;
      const values = row < 0 ? input : outputs[row];
      const size = stored.shape.length > 2 ? stored.shape.at(-1) * stored.shape.at(-2) : 1;
      const shown = new Float32Array(stored.channels.length * size);
      stored.channels.forEach((channel, k) => shown.set(values.subarray(channel * size, (channel + 1) * size), k * size));
      return { ...stored, values: shown };
    },
  };

  // The class activation map: the last maps, each weighted for the class that wins (explorer_heat.py).
  function heatOf(numbers, scores) {
    const [row, linear] = head;
    const [count, high, wide] = network.rows[row].out;
    const from = steps[linear].weight + scores.indexOf(Math.max(...scores)) * count;
    const heat = Array.from({ length: high }, () => new Float32Array(wide));
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < high * wide; i++) heat[Math.floor(i / wide)][i % wide] += numbers[from + k] * outputs[row][k * high * wide + i];
    }
    const most = Math.max(1e-12, ...heat.map((line) => Math.max(...line)));
    return heat.map((line) => Array.from(line, (value) => Math.max(0, value) / most));
  }
}

export default { render, show };
