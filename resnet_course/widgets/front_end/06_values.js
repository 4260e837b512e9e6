// One value of what comes out: which values of what goes in make it, and what it sees.
//
// `scene` is what the close-up shows: {network, at: the row or folder, ins: the volumes that go in, out:
// the one that comes out, sources: the rows that feed `at`, isReplaced: does `at` pass on what another row
// gave?}. `k` is the number of a card, a channel.

// The feature maps of a row, as the host gives them, become what can be read value by value.
function recordFrom(raw) {
  const values = raw.values instanceof Float32Array ? raw.values : floatsOf(raw.values, raw.scale);
  const isMap = raw.shape.length > 2;
  const [rows, across] = !isMap ? [1, 1] : raw.last ? raw.shape : raw.shape.slice(-2);
  const area = rows * across;
  const weights = raw.weights && floatsOf(raw.weights, raw.weight_scale);
  const [ins, kh, kw] = raw.weight_shape ? raw.weight_shape.slice(1) : [];
  const pictures = new Map();
  return {
    ...raw, isMap, rows, across, count: countOf(raw.shape, raw.last),
    weights,
    strongest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    value: (k, y, x) => values[k * area + y * across + x],
    weight: (k, j, dy, dx) => weights[((k * ins + j) * (kh ?? 1) + dy) * (kw ?? 1) + dx],
    paint(k, strongest) {
      const key = `${k} ${strongest}`;
      if (!pictures.has(key)) pictures.set(key, paintMap(values.subarray(k * area, (k + 1) * area), rows, across, strongest));
      return pictures.get(key);
    },
  };
}

// The window that makes the value at (y, x): where it begins in what goes in, and how large it is.
function windowOf({ at, ins: [source], out }, y, x) {
  if (!at.isRow) return { y: 0, x: 0, high: source.rows, wide: source.across };
  if (at.window && !/^adaptive/i.test(at.kind)) {
    const { kernel, stride, padding, dilation = [1], mode } = at.window;
    const [kh, kw] = kernel.length > 1 ? kernel.slice(-2) : [1, kernel[0]];
    const [sh, sw] = stride.length > 1 ? stride.slice(-2) : [1, stride[0]];
    const [ph, pw] = padding.length > 1 ? padding.slice(-2) : [0, padding[0]];
    const [down, right] = dilation.length > 1 ? dilation.slice(-2) : [1, dilation[0]];
    return { y: y * sh - ph, x: x * sw - pw, high: (kh - 1) * down + 1, wide: (kw - 1) * right + 1, down, right, mode };
  }
  if (source.rows === out.rows && source.across === out.across) return { y, x, high: 1, wide: 1 };
  const [high, wide] = [source.rows / out.rows, source.across / out.across];
  const [top, left] = [Math.floor(y * high), Math.floor(x * wide)]; // as adaptive pooling does
  return { y: top, x: left, high: Math.ceil((y + 1) * source.rows / out.rows) - top, wide: Math.ceil((x + 1) * source.across / out.across) - left };
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

// What the value at (y, x) sees of the picture.
function fieldOf({ at, out }, y, x) {
  const fields = out.record?.fields;
  if (!fields) return at.field;
  return [[fields.y[0][y], fields.y[1][y]], [fields.x[0][x], fields.x[1][x]]];
}

const countOf = (shape, last) => (last ? shape.at(-1) : shape[0]);

// Convolutions and linear layers mix channels; whatever else has no products of weights.
const keepsChannels = (at) => at.isRow && !at.facts?.some(([what]) => what === "multiply-adds");

// What the value at (y, x) of card k reads of a volume that goes in: {window, has(channel)}. Only
// where that is known for sure: a norm over several channels, say, has no place to point at.
function readsOf(scene, made, k, y, x) {
  const { network, at, out, sources } = scene;
  const channel = out.record?.channels[k];
  const pixel = (row, column) => ({ y: row, x: column, high: 1, wide: 1 });
  const of = (window, ...channels) => ({ window, has: (one) => channels.includes(one) });
  const equal = (number, row, column) => { // do both hold the same number?
    const card = made.record?.channels.indexOf(number);
    return card < 0 || Math.abs(made.record?.value(card, row, column) - out.record.value(k, y, x)) <= 0.002 * out.record.strongest;
  };
  const kind = at.kind.toLowerCase().replace(/_/g, "");
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
    if (!/^(add|sub|mul|div)$/.test(kind) || (out.record && !meets(scene, k, y, x))) return undefined;
    return of(pixel(made.rows === 1 ? 0 : y, made.across === 1 ? 0 : x), channel, ...(made.record?.count === 1 ? [0] : []));
  }
  if (at.window && !/transpose/.test(kind)) {
    const window = windowOf(scene, y, x);
    if (keepsChannels(at)) return of(window, channel);
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

// Is this value the sum, or the product, of those at its place?
function meets({ at, ins, out: { record: out } }, k, y, x) {
  const terms = ins.map(({ record }) => {
    const card = record?.count === 1 ? 0 : record?.channels.indexOf(out.channels[k]);
    return card >= 0 ? record.value(card, record.rows === 1 ? 0 : y, record.across === 1 ? 0 : x) : NaN;
  });
  const made = { add: terms.reduce((a, b) => a + b), sub: terms.reduce((a, b) => a - b), mul: terms.reduce((a, b) => a * b), div: terms.reduce((a, b) => a / b) }[at.kind];
  return Math.abs(made - out.value(k, y, x)) <= 0.005 * Math.max(out.strongest, ...ins.map(({ record }) => record?.strongest ?? 0));
}

// A frame around a window of a card, at its place on the map.
function outline(made, card, window, isFaint) {
  const [uy, ux] = [card.high / made.rows, card.wide / made.across];
  made.light.append(draw("rect", { "data-card": card.k, class: isFaint ? "window-frame faint" : "window-frame", x: card.x + window.x * ux, y: card.y + window.y * uy, width: Math.max(window.wide * ux, 3), height: Math.max(window.high * uy, 3) }));
}

// A window with gaps, or one that goes on elsewhere on the map: the pixels that it reads.
function outlinePixels(made, card, w) {
  const [uy, ux] = [card.high / made.rows, card.wide / made.across];
  const [ys, xs] = [placesOf(w.y, w.high, w.down, made.rows, w.mode), placesOf(w.x, w.wide, w.right, made.across, w.mode)];
  const d = ys.flatMap((y) => xs.map((x) => `M${(card.x + x * ux).toFixed(2)} ${(card.y + y * uy).toFixed(2)}h${ux.toFixed(2)}v${uy.toFixed(2)}h${(-ux).toFixed(2)}z`)).join("");
  made.light.append(draw("path", { class: "pixels", "data-card": card.k, "data-rows": ys.join(" "), "data-columns": xs.join(" "), d }));
}

// The sentence below the close-up: how the value at (y, x) of card k is made of what its window reads.
function productsOf(scene, k, y, x) {
  const { network, at, ins: volumes, out: { record: out, isMap: map } } = scene;
  const w = windowOf(scene, y, x);
  const ins = volumes.map((each) => each.record);
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
  if (ins.some((record) => same(record) < 0 && keepsChannels(at))) return [start];
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
  if (!out.weights || scene.isReplaced) return [start];
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
  if (hidden <= 0 && !near(bias + sum(sums))) return [start];
  const others = hidden + Math.max(parts.length - 8, 0);
  return [start, make("br"), `channel ${parts[0].channel}: ${first} = ${digits(sums[0])}`,
    ...(list ? [make("br"), list] : []),
    ...(others > 0 ? [`; the ${others} other channels together: ${digits(rest + further)}`] : []),
    ...(out.bias ? [`; bias: ${digits(bias)}`] : [])];
}

const inWords = (what, first, span, gap) => (gap > 1 ? `${what} ${Array.from({ length: Math.ceil(span / gap) }, (_, i) => first + i * gap).join(", ")}` : `${what} ${first} to ${first + span - 1}`);
