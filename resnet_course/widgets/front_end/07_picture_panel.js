// The panel of the explorer in which the picture is chosen, drawn and changed, and the answer of the
// network stands. It knows nothing of networks: what it shows is handed on by `changed`, and what a
// network made of it comes back by `showScores` and `showHeat`.

const ZERO = { turn: 0, right: 0, down: 0, noise: 0 };

// `data`: {choices: [{name, pixels}], of}, `shape`: (channels, height, width) of each picture.
function picturePanel({ data, shape, photographs, classes, scores, heatKnown, changed }) {
  const [channels, high, wide] = shape;
  const [blank, ink] = channels === 3 || photographs ? [255, 0] : [0, 210];
  const area = high * wide;
  const decode = (text) => Float32Array.from(bytesOf(text));
  let chosen = 0; // -1 is a drawing
  let shown = 0; // the last of the choices that was chosen
  let base = decode(data.choices[0].pixels);
  let moved = { ...ZERO };
  let painted = false; // since it was chosen
  let seen = base; // after turning, shifting and noise
  let heat = null;
  let cursor = [high >> 1, wide >> 1];
  let choice = 0; // counts them: which one is it?
  let before = null; // probabilities of the picture as it was chosen, by the whole network

  // What stands in the panel.
  const canvas = make("canvas", {
    width: wide, height: high, tabindex: 0, role: "application", class: "sheet",
    "aria-label": "the picture: arrow keys move the pen, space draws, or erases",
  });
  const glow = make("canvas", { class: "heat", "aria-hidden": "true" });
  const square = make("span", { class: "cursor", "aria-hidden": "true" });
  const sheet = make("div", { class: "sheet-box", style: `max-width:${280 * Math.min(1, wide / high)}px` }, canvas, glow, square);
  const tools = radios("pen", ["draw", "erase", "fill"], "draw");
  const width = make("input", { type: "range", min: 1, max: Math.max(3, Math.round(high / 5)), value: Math.max(2, Math.round(high / 10)), "aria-label": "width of the pen" });
  const again = action("↺ as it was", () => choose(shown));
  const empty = action("empty page", () => {
    setBase(new Float32Array(base.length).fill(blank), -1);
  });
  const thumbs = make("div", { class: "thumbs", role: "radiogroup", "aria-label": `pictures: ${data.of}` });
  data.choices.forEach((choice, i) => {
    const one = make("button", { type: "button", role: "radio", title: choice.name, "aria-label": `${choice.name}, ${i + 1} of ${data.choices.length}` });
    one.append(paintPixels(make("canvas"), decode(choice.pixels)));
    one.addEventListener("click", () => choose(i));
    thumbs.append(one);
  });
  withArrows(thumbs, () => shown, (i) => choose(i));
  const reach = Math.round(high / 3);
  const sliders = {
    right: slider("shift →", -reach, reach, 1, (v) => `${v} px`),
    down: slider("shift ↓", -reach, reach, 1, (v) => `${v} px`),
    turn: slider("turn", -180, 180, 5, (v) => `${v}°`),
    noise: slider("noise", 0, 100, 5, (v) => `${v} %`),
  };
  const warm = make("input", { type: "checkbox" });
  // Of the picture that was there at first, no run has told the heat.
  warm.addEventListener("change", () => (warm.checked && !heat ? update() : paintHeat()));
  const heatBox = make("label", { class: "heat-choice", title: "the class activation map: which places of the last feature map speak for the answer" }, warm, " heat: what speaks for the answer");
  heatBox.hidden = !heatKnown;
  const table = make("table", { class: "scores" });
  const where = make("p", { class: "soft of" }, `${data.choices.length > 1 ? `${data.choices.length} pictures` : "One picture"}: ${data.of}.`);
  const left = make("div", { class: "drawing" }, sheet, make("div", { class: "row" }, tools.box, width), make("div", { class: "row" }, again, empty));
  const middle = make("div", { class: "changes" }, ...(data.choices.length > 1 ? [thumbs] : []), where, ...Object.values(sliders).map((one) => one.box), heatBox);
  const told = make("p", { class: "told", role: "status" });
  const body = make("div", { class: "panel-body" }, left, middle, table, told);
  const panel = make("details", { class: "picture-panel" }, make("summary", {}, data.choices.length > 1 ? "Choose, draw or change the picture" : "Draw on the picture, or change it"), body);
  table.hidden = !classes;

  function action(label, act) {
    const made = make("button", { type: "button" }, label);
    made.addEventListener("click", act);
    return made;
  }

  function radios(name, options, value) {
    const box = make("span", { class: "tools", role: "radiogroup", "aria-label": name });
    const buttons = options.map((option) => {
      const one = action(option, () => set(option));
      one.setAttribute("role", "radio");
      return box.appendChild(one);
    });
    const made = { box, value };
    function set(option) {
      made.value = option;
      options.forEach((each, i) => {
        buttons[i].setAttribute("aria-checked", each === option);
        buttons[i].tabIndex = each === option ? 0 : -1;
      });
    }
    withArrows(box, () => options.indexOf(made.value), (i) => set(options[i]));
    set(value);
    return made;
  }

  // Arrow keys choose the next of the buttons in a box, or the one before.
  function withArrows(box, now, take) {
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step || isForPage(event)) return;
      event.preventDefault();
      event.stopPropagation();
      const count = box.children.length;
      const next = (now() + step + count) % count;
      take(next);
      box.children[next].focus();
    });
  }

  function slider(label, min, max, step, words) {
    const input = make("input", { type: "range", min, max, step, value: 0 });
    const output = make("output", {}, words(0));
    const box = make("label", { class: "slide" }, make("span", {}, label), input, output);
    const show = () => {
      output.textContent = words(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      moved = Object.fromEntries(Object.keys(ZERO).map((name) => [name, Number(sliders[name].input.value)]));
      show();
      update();
    });
    input.addEventListener("keydown", (event) => { if (!isForPage(event)) event.stopPropagation(); });
    return { box, input, show };
  }

  // Another picture: one of the choices, or what was drawn (-1).
  function setBase(pixels, number) {
    base = pixels;
    chosen = number;
    choice += 1;
    painted = false;
    before = null;
    settle();
    markChosen();
    update();
  }

  function markChosen() {
    [...thumbs.children].forEach((one, i) => {
      one.setAttribute("aria-checked", i === chosen);
      one.tabIndex = i === shown ? 0 : -1;
    });
  }

  const choose = (i) => setBase(decode(data.choices[shown = i].pixels), i);

  // What is seen becomes the picture: the sliders go back to 0.
  function settle() {
    moved = { ...ZERO };
    for (const { input, show } of Object.values(sliders)) {
      input.value = 0;
      show();
    }
  }

  // The same noise each time, or the picture would never rest: twelve uniform numbers are nearly a
  // normal one.
  const grain = (() => {
    let state = 1;
    const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    return Float32Array.from({ length: area * channels }, () => Array.from({ length: 12 }, uniform).reduce((a, b) => a + b) - 6);
  })();

  function change() {
    const { turn, right, down, noise } = moved;
    if (!turn && !right && !down && !noise) return base;
    const made = new Float32Array(base.length);
    const [sin, cos] = [Math.sin(-turn * Math.PI / 180), Math.cos(-turn * Math.PI / 180)];
    const [my, mx] = [(high - 1) / 2, (wide - 1) / 2];
    const at = (y, x, c) => (y < 0 || x < 0 || y >= high || x >= wide ? blank : base[(y * wide + x) * channels + c]);
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const [dy, dx] = [y - down - my, x - right - mx];
        const [fy, fx] = turn ? [my + sin * dx + cos * dy, mx + cos * dx - sin * dy] : [y - down, x - right];
        const [y0, x0] = [Math.floor(fy), Math.floor(fx)];
        const [sy, sx] = [fy - y0, fx - x0];
        for (let c = 0; c < channels; c++) {
          const i = (y * wide + x) * channels + c;
          const still = (1 - sy) * ((1 - sx) * at(y0, x0, c) + (sx && sx * at(y0, x0 + 1, c)))
            + (sy && sy * ((1 - sx) * at(y0 + 1, x0, c) + (sx && sx * at(y0 + 1, x0 + 1, c))));
          made[i] = clamp(Math.round(still + noise / 100 * 128 * grain[i]), 0, 255);
        }
      }
    }
    return made;
  }

  function paintPixels(paper, pixels) {
    return paintPicture(paper, pixels, { shape, photographs });
  }

  function update() {
    seen = change();
    paintPixels(canvas, seen);
    changed(Uint8Array.from(seen), canvas.toDataURL());
  }

  // What is shown, in words.
  function words() {
    const name = chosen < 0 ? "your drawing" : `${data.choices[chosen].name}${data.choices.length > 1 ? `, picture ${chosen + 1}` : ""}`;
    const { turn, right, down, noise } = moved;
    const parts = [
      painted && chosen >= 0 && "drawn on",
      right && `${Math.abs(right)} px to the ${right > 0 ? "right" : "left"}`,
      down && `${Math.abs(down)} px ${down > 0 ? "down" : "up"}`,
      turn && `turned by ${turn}°`,
      noise && `noise ${noise} %`,
    ];
    return [name, ...parts.filter(Boolean)].join(", ");
  }

  // Pen, rubber and bucket.
  function begin() {
    base = Float32Array.from(seen);
    painted = true;
    settle();
  }

  function stroke(y, x) {
    const half = Number(width.value) / 2;
    const value = tools.value === "erase" ? blank : ink;
    for (let py = Math.max(0, Math.floor(y - half - 1)); py <= Math.min(high - 1, y + half + 1); py++) {
      for (let px = Math.max(0, Math.floor(x - half - 1)); px <= Math.min(wide - 1, x + half + 1); px++) {
        const cover = clamp(half + 0.5 - Math.hypot(py - y, px - x), 0, 1); // a soft edge
        for (let c = 0; cover && c < channels; c++) {
          const i = (py * wide + px) * channels + c;
          base[i] += cover * (value - base[i]);
        }
      }
    }
  }

  // All that is like this pixel and hangs together with it.
  function fill(y, x) {
    const from = (y * wide + x) * channels;
    const first = base.slice(from, from + channels);
    const like = (i) => first.every((value, c) => Math.abs(base[i * channels + c] - value) < 60);
    const open = [y * wide + x];
    const done = new Uint8Array(area);
    while (open.length) {
      const i = open.pop();
      if (done[i] || !like(i)) continue;
      done[i] = 1;
      if (i % wide) open.push(i - 1);
      if (i % wide < wide - 1) open.push(i + 1);
      if (i >= wide) open.push(i - wide);
      if (i < area - wide) open.push(i + wide);
    }
    done.forEach((one, i) => { if (one) base.fill(ink, i * channels, (i + 1) * channels); });
  }

  function pointAt(event) {
    const rect = canvas.getBoundingClientRect();
    return [(event.clientY - rect.top) / rect.height * high - 0.5, (event.clientX - rect.left) / rect.width * wide - 0.5];
  }

  let last = null; // where the pen was,
  let drawing = null; // and which finger holds it
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || last) return;
    canvas.setPointerCapture(event.pointerId);
    drawing = event.pointerId;
    begin();
    const [y, x] = last = pointAt(event);
    if (tools.value === "fill") fill(clamp(Math.round(y), 0, high - 1), clamp(Math.round(x), 0, wide - 1));
    else stroke(y, x);
    update();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || event.pointerId !== drawing || tools.value === "fill") return;
    const [y, x] = pointAt(event);
    const steps = Math.ceil(Math.hypot(y - last[0], x - last[1]) * 2) || 1;
    for (let k = 1; k <= steps; k++) stroke(last[0] + (y - last[0]) * k / steps, last[1] + (x - last[1]) * k / steps);
    last = [y, x];
    update();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => { if (event.pointerId === drawing) last = null; });
  }
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (move) cursor = [clamp(cursor[0] + move[0], 0, high - 1), clamp(cursor[1] + move[1], 0, wide - 1)];
    else {
      begin();
      if (tools.value === "fill") fill(...cursor);
      else stroke(...cursor);
      update();
    }
    showCursor();
    told.textContent = `row ${cursor[0]}, column ${cursor[1]}${move ? "" : `: ${{ draw: "drawn", erase: "erased", fill: "filled" }[tools.value]}`}`;
  });
  canvas.addEventListener("focus", showCursor);

  function showCursor() {
    const size = Number(width.value);
    square.style.width = `${100 * size / wide}%`;
    square.style.height = `${100 * size / high}%`;
    square.style.left = `${100 * (cursor[1] + 0.5 - size / 2) / wide}%`;
    square.style.top = `${100 * (cursor[0] + 0.5 - size / 2) / high}%`;
  }

  // Where the network sees its answer.
  function paintHeat() {
    glow.hidden = !warm.checked || !heat;
    if (glow.hidden) return;
    const values = heat.flat();
    paint(glow, heat.length, heat[0].length, (i) => [213, 94, 0, 215 * values[i]]);
  }

  // One line for each class: probability and logit, and a mark where the bar was before the picture
  // or the network was changed. `values`: null if there is no answer. `asChosen`: is it that of the
  // picture as it was chosen, by the whole network?
  function showScores(values, asChosen) {
    table.hidden = !values;
    if (!values) return;
    const shares = probabilities(values);
    if (asChosen) before ??= shares;
    const order = classes.map((_, i) => i);
    const most = classes.length <= 12 ? order : order.toSorted((a, b) => shares[b] - shares[a]).slice(0, 10);
    const best = shares.indexOf(Math.max(...shares));
    const head = make("tr", {}, make("th", { scope: "col" }, "class"), make("th", { scope: "col" }, before ? make("span", { class: "bar-mark" }, "before") : ""), make("th", { scope: "col" }, "probability"), make("th", { scope: "col" }, "logit"));
    table.replaceChildren(head, ...most.map((i) => {
      const bar = make("span", { class: "bar-share", style: `width:${100 * shares[i]}%` });
      const mark = before ? make("span", { class: "bar-before", style: `left:calc(${100 * before[i]}% - 1px)` }) : "";
      return make("tr", i === best ? { class: "best" } : {},
        make("th", { scope: "row" }, classes[i]), make("td", { class: "bar-box", "aria-hidden": "true" }, make("div", {}, bar, mark)),
        make("td", {}, percent(shares[i])), make("td", {}, digits(values[i])));
    }));
  }

  paintPixels(canvas, base);
  markChosen();
  glow.hidden = true;
  showCursor();
  if (classes) showScores(scores, true);

  return {
    panel, words, showScores, choice: () => choice, tell: (text) => { told.textContent = text; },
    pixels: () => Uint8Array.from(seen),
    isAsChosen: () => !painted && Object.values(moved).every((value) => !value),
    showHeat(map) { heat = map; paintHeat(); },
  };
}

const percent = (share) => (share < 0.005 ? "below 1 %" : `${Math.round(100 * share)} %`);

// Softmax, unless the network ends with one of its own.
function probabilities(values) {
  if (values.every((value) => value >= 0) && Math.abs(sum(values) - 1) < 1e-3) return [...values];
  const largest = Math.max(...values);
  const powers = Array.from(values, (value) => Math.exp(value - largest));
  const all = sum(powers);
  return powers.map((power) => power / all);
}
