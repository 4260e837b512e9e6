// The explorer itself: what is shown, the close-up of it, the numbers under the pointer, touch and keys.

const SPEEDS = { slow: 1400, normal: 700, fast: 280 };

// `host` says where the data comes from: {network, state, maps(row), run, choose, remember, large}.
function explorer(element, host) {
  const root = make("div", { class: "resnet-explorer", role: "group" });
  const letter = () => (host.large ? 17 : 12);
  let network;
  let opened;
  let at; // the row or the folder that is shown
  let zoom = 1;
  let grid = false; // all channels, or the first four as a stack
  let layout;
  let timer = null;
  let picked = null; // [card, row, column] of the value under the pointer
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

  // A new network, and where to stand in it.
  function load(data, { opened: names, place, layer }) {
    say("");
    network = { ...data };
    const given = network.picture;
    if (given) network.picture = { ...given, address: paintPicture(make("canvas"), bytesOf(given.pixels), given).toDataURL() };
    records.clear();
    stale.clear();
    changes.clear();
    clearTimeout(told);
    opened = new Set(names);
    at = findNode(network, place, layer) ?? bars()[0]; // the page may be ahead of Python
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
    const focused = [...choices.querySelectorAll("select")].findIndex((each) => each === document.activeElement);
    choices.replaceChildren();
    if (!network.choices || !host.choose) return;
    const selects = {};
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
      choices.append(make("label", {}, name === "size" ? "input size " : `${name} `, select));
    }
    Object.values(selects)[focused]?.focus({ preventScroll: true }); // the next arrow key chooses on
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

  // Everything: after opening or zooming.
  function redraw() {
    drawWhole();
    showPlace();
  }

  // The same place in another width.
  function refit() {
    drawWhole();
    drawAgain();
  }

  function drawWhole() {
    root.classList.toggle("large", Boolean(host.large));
    const room = strip.clientWidth || 900;
    layout = layOut(network, opened, room, zoom, letter());
    if (zoom > layout.zoomable) { // the strip has become short
      zoom = layout.zoomable;
      layout = layOut(network, opened, room, zoom, letter());
    }
    zooms.hidden = layout.zoomable < 1.7 && zoom === 1;
    strip.replaceChildren(drawStrip(network, layout, letter()));
    strip.classList.toggle("zoomed", zoom > 1);
    markChanges();
    mark();
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
    for (const [each, by] of [[back, -1], [next, 1]]) {
      const isEnd = !placeBeside(network, all, at, by);
      if (isEnd && each === document.activeElement) strip.focus({ preventScroll: true });
      each.disabled = isEnd;
    }
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

  function go(node) {
    at = node;
    mark();
    showPlace();
    remember();
  }

  function step(by) {
    const to = placeBeside(network, bars(), at, by);
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
    redraw();
    strip.scrollLeft = before * layout.width - x;
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
    const about = newest = { words: panel.words(), off: [...changes].map(([name, way]) => `${name}: ${way.name}`), chosen: panel.choice(), asChosen: panel.isAsChosen() };
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
      panel.showScores(scores, about.asChosen && !about.off.length && about.chosen === panel.choice());
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
    const fromHere = undo.contains(document.activeElement);
    undo.replaceChildren(...[...changes].map(([name, { name: how }]) => button(`${name}: ${how} ✕`, () => change({ name }), `${name}: ${how}. Make it whole again`)));
    markChanges();
    showHeading();
    const pressed = heading.querySelector('.tools [aria-pressed="true"]');
    const beside = fromHere ? undo.querySelector("button") ?? strip : undefined; // the button is gone
    (pressed ?? beside)?.focus({ preventScroll: true });
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

  // The close-up.

  let volumes = []; // those that go in, and at the end the one that comes out

  function recordOf(row, shape) {
    const record = records.get(row);
    return record && String(record.shape) === String(shape) ? record : undefined;
  }

  function showCloseUp() {
    close.replaceChildren();
    volumes = [];
    if (at.kind === "error") {
      const { at: module, shapes, message } = network.error;
      const met = shapes.length ? `, where ${shapes.join(" and ")} met.` : ".";
      close.append(make("div", { role: "alert", class: "alert" }, make("strong", {}, `It stops at ${module}${met}`), make("br"), message));
      return;
    }
    const wide = root.clientWidth || 900;
    root.classList.toggle("portrait", wide < 760);
    const sources = sourcesOf(network, at);
    const how = network.edges.find(([, target]) => target === at.first)?.[2];
    const meeting = at.isRow && how && sources.length > 1;
    const isShort = (source) => how === "add" && isShortcut(network, source, at);
    // "x + F(x)": the shortcut comes first.
    const ordered = sources.toSorted((a, b) => isShort(b) - isShort(a));
    const incoming = meeting ? ordered.slice(0, 3) : [sourcesOutside(network, at)[0]];
    const scale = scaleOf(network, faceOf(wide, meeting ? incoming.length : 0));
    const shapes = incoming.map((source) => (!meeting ? at.in : source < 0 ? network.inputs[-1 - source] : network.rows[source].out));
    const out = recordOf(at.last, at.out);
    // `apart`: what goes in is not what that row gave; something between them has no row.
    const ins = incoming.map((source, i) => (out?.apart && at.isRow ? undefined : recordOf(source, shapes[i])));
    const all = [...ins, out].filter(Boolean);
    const strongest = meeting && how === "add" ? Math.max(...all.map((record) => record.strongest)) : undefined;
    const isResidual = meeting && at.kind !== "sub" && sources.length === 2 && sources.filter(isShort).length === 1;
    const flow = make("div", { class: `flow${meeting ? " meeting" : ""}` });
    const symbol = (look, words) => make("span", { class: look, "aria-hidden": "true" }, words);
    incoming.forEach((source, i) => {
      if (i) flow.append(symbol(`meet ${how}`, { sub: "−", div: "÷" }[at.kind] ?? KINDS[how]));
      const short = meeting && isShort(source);
      const name = !isResidual ? "in" : short ? "x" : "F(x)";
      const way = short ? " · the shortcut" : isResidual ? " · the branch" : "";
      const last = meeting ? network.rows[source]?.out_last : at.in_last;
      flow.append(volume(shapes[i], ins[i], scale, { strongest, tint: short ? "short" : "in", dropped: at.window?.dropped, last, name, from: nameOf(source) + way }));
      if (meeting && isOff(source)) flow.lastChild.classList.add("off");
    });
    if (sources.length > 3 && meeting) flow.append(make("span", { class: "soft" }, `and ${sources.length - 3} more`));
    if (meeting) flow.append(symbol("meet", "="));
    else flow.append(symbol("arrow", "→"), operationBox(network, at, letter()), symbol("arrow", "→"));
    const name = isResidual && !incoming.some(isOff) ? "x + F(x)" : "out";
    flow.append(volume(at.out, out, scale, { strongest, tint: "out", last: at.out_last, name, from: meeting ? at.label : "", isOut: true }));
    products.dataset.hint = hintOf(meeting, out);
    products.classList.toggle("asks", Boolean(products.dataset.hint));
    close.append(flow, products, numbersBox(network, at));
    if (at.lane) close.append(make("p", { class: "lane" }, at.lane));
    if (all.length) close.append(legendOf(out ?? all[0], strongest));
  }

  // The same place with other maps: what was pointed at, and what had the focus, stays so.
  function drawAgain() {
    const focused = [".volume.out svg", ".legend button"].find((each) => close.querySelector(each)?.matches(":focus"));
    showCloseUp();
    if (!focused) products.removeAttribute("aria-live"); // a voice tells what was changed elsewhere
    if (picked) {
      const [k, y, x] = picked;
      pick(volumes.at(-1).cards.some((card) => card.k === k) ? k : 0, y, x); // of all channels, four may be left
    } else showField(at.field);
    if (focused) close.querySelector(focused)?.focus({ preventScroll: true });
  }

  // How many pixels has the largest map, if all volumes are to stand beside each other? `many` meet.
  function faceOf(wide, many) {
    if (host.large) return many ? 130 : 150;
    if (wide < 760) return clamp((wide - 90) / (Math.max(many, 1) + 1) / 1.5, 62, 120);
    if (many) return clamp((wide - 400) / 4.2, 64, 118);
    return clamp((wide - (at.isRow ? 625 : 700)) / 2.7, 64, 128);
  }

  function nameOf(source) {
    if (source >= 0) return network.rows[source].name;
    return source === undefined ? "" : network.inputs.length > 1 ? `input ${-source}` : "the input";
  }

  function hintOf(meeting, out) {
    const value = "Point at a value of what comes out:";
    if (!at.isRow) return "";
    if (out) return meeting ? `${value} the numbers that make it appear here.` : `${value} its window and its products appear here.`;
    return at.window && at.out.length > 2 ? "Point at the box of what comes out: the pixels that a window reads appear here." : "";
  }

  function legendOf({ channels, count, isMap, strongest }, common) {
    const more = channels.length > 4 && at.out.length > 2 ? [button(grid ? "four channels" : `${channels.length} channels`, () => { grid = !grid; drawAgain(); })] : [];
    const list = channels.slice(0, grid ? 99 : 4).join(", ");
    const which = channels.length === count ? "" : ", those that vary most";
    const what = isMap ? `Channels ${list} of ${count}` : `${channels.length} of ${count} numbers`;
    return make("p", { class: "legend soft" }, `${what}${which}. Blue: positive, orange: negative, white: 0; strongest: ${digits(common ?? strongest)}. `, ...more);
  }

  // What is changed here: the row passes on what its source gave.
  const changesHere = () => [...changes.values()].filter(({ row }) => at.isRow && row === at.first);
  // Is what this row gives switched off where it is added?
  const isOff = (added) => changesHere().some(({ source }) => source !== added);

  function volume(shape, record, scale, options) {
    const made = drawVolume(shape, measures(network, shape, options.last), record, scale, { grid, strongest: options.strongest ?? record?.strongest, tint: options.tint, dropped: options.dropped, classes: options.isOut && at.last === network.rows.length - 1 ? network.classes : undefined });
    const caption = make("figcaption", {}, make("strong", {}, options.name), make("span", { class: "shape" }, by(shape)), make("span", { class: "soft" }, options.from));
    const figure = make("figure", { class: `volume ${options.tint}` }, made.svg, caption);
    volumes.push(made);
    if (options.isOut) {
      made.svg.setAttribute("tabindex", 0);
      made.svg.setAttribute("role", "application");
      const channels = made.isMap && made.cards.length > 1 ? ", with Shift up and down from channel to channel" : "";
      made.svg.setAttribute("aria-label", `what comes out, ${by(shape)}: arrow keys go from value to value${channels}`);
      touchValues(made);
    } else {
      made.svg.setAttribute("role", "img");
      made.svg.setAttribute("aria-label", `${options.name}: ${by(shape)}`);
    }
    return figure;
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

  // Numbers under the pointer.

  function touchValues(made) {
    const point = (event) => {
      const card = made.cards.find(({ group }) => group.contains(event.target));
      if (!card) return;
      const rect = card.group.querySelector(".edge, .front").getBoundingClientRect();
      const y = clamp(Math.floor((event.clientY - rect.top) / rect.height * made.rows), 0, made.rows - 1);
      const x = clamp(Math.floor((event.clientX - rect.left) / rect.width * made.across), 0, made.across - 1);
      pick(card.k, y, x);
    };
    made.svg.addEventListener("pointermove", (event) => { products.removeAttribute("aria-live"); point(event); });
    made.svg.addEventListener("pointerdown", point);
    made.svg.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!move || isForPage(event)) return;
      event.preventDefault();
      event.stopPropagation();
      products.setAttribute("aria-live", "polite");
      const [k, y, x] = picked ?? [0, made.rows >> 1, made.across >> 1];
      const card = (by) => clamp(k + by, 0, made.cards.length - 1);
      if (!made.isMap) pick(card(move[0] + move[1]), 0, 0);
      else if (event.shiftKey && move[0]) pick(card(move[0]), y, x);
      else pick(k, clamp(y + move[0], 0, made.rows - 1), clamp(x + move[1], 0, made.across - 1));
    });
    made.svg.addEventListener("focus", () => { if (!picked) pick(0, made.rows >> 1, made.across >> 1); });
  }

  // Show one value of the output: its window in the input, the products, what it sees.
  function pick(k, y, x) {
    picked = [k, y, x];
    const [ins, out] = [volumes.slice(0, -1), volumes.at(-1)];
    const scene = { network, at, ins, out, sources: sourcesOf(network, at), isReplaced: changesHere().length > 0 };
    for (const each of volumes) each.light.replaceChildren();
    // Of a stack of channels, only the first has a strong frame.
    const isFaint = (card) => card.k && !grid && !keepsChannels(at);
    const own = out.cards.find((card) => card.k === k) ?? out.cards.at(-1);
    outline(out, own, { y, x, high: 1, wide: 1 }, isFaint(own));
    for (const each of ins) {
      const read = at.isRow && each.isMap && readsOf(scene, each, k, y, x);
      if (!read) continue;
      const w = read.window;
      // A box stands for all channels; of cards only those that are read.
      for (const card of each.cards.filter(({ channel }) => channel === undefined || read.has(channel)).toReversed()) {
        outline(each, card, w, isFaint(card));
        if (w.mode || w.down > 1 || w.right > 1) outlinePixels(each, card, w);
      }
    }
    showField(fieldOf(scene, y, x));
    products.replaceChildren(...productsOf(scene, k, y, x));
  }

  // Feature maps come from the host: at once in the book, from the kernel in JupyterLab.
  function keep(raw) {
    stale.delete(raw.row);
    records.set(raw.row, raw.shape && recordFrom(raw)); // without a shape it cannot be drawn so
  }

  function wantedRows() {
    const sources = at.isRow ? sourcesOf(network, at) : sourcesOutside(network, at);
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
    if (arrived.length > later.length) drawAgain();
    if (!later.length) return;
    const slow = setTimeout(() => say("waiting for Python …"), 400);
    Promise.all(later).then((found) => {
      clearTimeout(slow);
      if (network !== from) return;
      say("");
      found.filter(Boolean).forEach(keep);
      if (at === asked) drawAgain();
    }, (reason) => { clearTimeout(slow); if (network === from) say(String(reason)); });
  }

  const say = (text) => { status.textContent = text; };

  function start() {
    if (at.last >= network.rows.length - 1) go(bars()[0]);
    play.textContent = "■ stop";
    words.setAttribute("aria-live", "off"); // a voice could not follow
    const tick = () => {
      if (!step(1)) return halt();
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

  touchStrip({
    root, strip, tip, close, bars, step, go, toggle, zoomTo, start, halt,
    isOpen: (node) => opened.has(node.name),
    get network() { return network; },
    get layout() { return layout; },
    get at() { return at; },
    get zoom() { return zoom; },
    get isPlaying() { return Boolean(timer); },
  });

  let wide = 0;
  const watcher = new ResizeObserver(() => {
    if (root.clientWidth && root.clientWidth !== wide) {
      wide = root.clientWidth;
      refit();
    }
  });
  load(host.network, host.state);
  watcher.observe(root);

  return {
    root, load, refit,
    // What was asked for cannot be had: the choices go back to what is shown.
    refused(text) { say(text); showChoices(); },
    lateRun(found) { showRun(found, newest); },
    runAgain() { if (!running) runNetwork(); },
    late(record) { keep(record); say(""); drawAgain(); },
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
