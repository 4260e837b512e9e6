// Drawing the strip.

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
      const [from, over, to] = [x - wideArc - wide / 4, top, x + wideArc + wide / 4].map((n) => n.toFixed(1));
      const arc = `M${from} ${y}C${from} ${over} ${to} ${over} ${to} ${y}`;
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
  // Neighbours of one folder: either all of them are named, or the folder is.
  const groupName = (folder) => nameInside(folder.name, around(network, folder).at(-1));
  const runs = [];
  for (const node of main) {
    const run = runs.at(-1);
    if (run && node.group && run[0].group === node.group) run.push(node);
    else runs.push([node]);
  }
  // The input's name comes last: it is known anyway.
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
