// The close-up: what goes in, the operation, what comes out.

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
  const [high, wide] = [scale.side(rows), scale.side(across)];
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
    const each = 34;
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
  return { svg, cards, light, rows, across, isMap, record };
}

// What happens between what goes in and what comes out.
function operationBox(network, node, letter) {
  const box = make("div", { class: "operation" }, make("strong", {}, node.label ?? ""));
  if (!node.isRow) {
    box.append(drawBlock(network, node, letter));
    return box;
  }
  for (const line of node.about ?? []) box.append(make("span", {}, line));
  if (node.window && node.out.at(-1) > 1 && !/^adaptive|transpose/i.test(node.kind)) box.append(drawWindows(node.window));
  return box;
}

// The arithmetic of a layer, and what one value of it sees of the picture.
function numbersBox(network, { sums = [], facts = [], share = 0 }) {
  const box = make("div", { class: "numbers" });
  const term = (what, value, remark) => {
    const more = remark ? [make("span", { class: "remark" }, remark)] : [];
    return [make("dt", {}, what), make("dd", {}, make("strong", {}, value), ...more)];
  };
  if (sums.length) box.append(make("dl", {}, ...sums.flatMap((each) => term(...each))));
  const others = facts.filter(([what]) => what === "parameters" || !sums.some(([each]) => each === what));
  box.append(make("dl", { class: "facts" }, ...others.map(([what, value]) => make("div", {}, ...term(what, value)))));
  if (!network.error) {
    const done = Math.round(100 * share);
    const meter = make("div", { class: "meter" }, make("span", { style: `width:${done}%` }));
    box.append(meter, make("span", { class: "soft" }, `${done} % of all multiply-adds are done`));
  }
  if (network.picture) {
    const { shape: [, high, wide], address, words } = network.picture;
    const side = 92;
    const svg = draw("svg", { class: "seen", viewBox: `0 0 ${wide} ${high}`, width: side, height: side * high / wide, role: "img", "aria-label": `what one value sees of ${words}` });
    svg.append(draw("image", { href: address, width: wide, height: high, class: "picture" }), draw("rect", { class: "field", width: 0, height: 0 }));
    box.append(make("div", { class: "seen-box" }, svg, make("span", { class: "soft" }, "the frame: what one value sees")));
  }
  return box;
}

// The block as one draws it on paper: its parts below each other, the shortcut around them.
function drawBlock(network, folder, letter) {
  const ownLayers = (part) => !part.isRow && pathOf(network, part) === "shortcut" && part.last - part.first < 3;
  const parts = partsOf(network, folder).flatMap((part) => (ownLayers(part) ? partsOf(network, part) : [part]));
  const links = linksBetween(network, parts);
  const isLine = isOneLine(network, parts, links);
  const drawn = isLine ? undefined : drawBranches(folder, parts, links, letter);
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
    const group = svg.appendChild(groupOf(part, isAdd));
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
        box.append(...boxed(fitted(each.brief ?? each.label, letter * 9.6, letter), out, yy, letter * 10, letter));
      });
    } else {
      const words = part.isRow ? part.brief ?? part.label : nameInside(part.name, folder);
      group.append(...boxed(fitted(words, wide - 8, letter), middle, y, wide, letter));
    }
  });
  if (isLine) lines.append(draw("path", { d: `M${middle} ${16 + main.length * step - 12}v12`, class: "line plain" }));
  return svg;
}

// A part of a block that can be clicked, and what is drawn for it: a box with words.
function groupOf(part, isAdd) {
  const kind = isAdd ? "add" : part.isRow ? "row" : "folder";
  return draw("g", { class: `part${part.isRow ? "" : " folder"}`, "data-layer": part.name, "data-kind": kind, "data-row": part.last, tabindex: -1 });
}

function boxed(words, middle, y, wide, letter) {
  const high = letter + 9;
  const text = draw("text", { x: middle, y: y + high * 0.7, "font-size": letter }, words);
  return [draw("rect", { x: middle - wide / 2, y, width: wide, height: high, rx: 5 }), text];
}

// Which part of a block feeds which? -1 stands for what goes into the block.
function linksBetween(network, parts) {
  const links = new Map();
  for (const [source, target, how] of network.edges) {
    const [a, b] = [partWith(source, parts), partWith(target, parts)];
    if (b >= 0 && a !== b) links.set(`${a} ${b}`, { a, b, how });
  }
  return [...links.values()];
}

const partWith = (row, parts) => parts.findIndex((part) => part.first <= row && row <= part.last);

// Does each part feed the next one, and nothing else but what the shortcuts carry?
function isOneLine(network, parts, links) {
  const partOf = (row) => partWith(row, parts);
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
function drawBranches(folder, parts, links, letter) {
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
    const group = svg.appendChild(groupOf(part, how[i] === "add"));
    if (how[i]) group.append(sign(how[i], x(i), y(level[i]) + high / 2, {}));
    else {
      const wide = Math.min(letter * 10.5, alone(i) ? each * columns : each - 6);
      const words = part.isRow ? fitted(part.brief ?? part.label, wide - 4, letter) : endOf(nameInside(part.name, folder), wide - 4, letter);
      group.append(...boxed(words, x(i), y(level[i]), wide, letter));
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
function drawWindows({ kernel, stride, dilation = [1] }) {
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
