// The hosts of an explorer: JupyterLab, and a page without a kernel.

// JupyterLab: an anywidget. Its state is the state of the Python object.
function render({ model, el }) {
  const SILENT = "Python does not answer: it is busy, or its kernel has ended. What was shown before can still be seen.";
  const waiting = new Map(); // what Python was asked for → its promise, how to keep it, is it late?
  let own = false; // the page itself is changing the state
  let choosing = null;
  let asked = Math.floor(Math.random() * 2 ** 40); // runs: another view of the object has other numbers;
  let run = 0; // the one whose maps are shown; 0 is the picture that was given
  const host = {
    network: model.get("network"),
    state: state(),
    get large() { return inLecture(el); },
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
      const network = model.get("network").id;
      return ask(`run ${asked}`, { ask: "run", run: asked, network, changes }, [pixels.buffer]);
    },
    maps(row) {
      const network = model.get("network").id;
      const key = `maps ${network} ${row} ${run}`;
      const before = waiting.get(key);
      return before && !before.late ? before.promise : ask(key, { ask: "maps", row, network, run });
    },
  };
  function ask(key, message, buffers) {
    const one = {};
    one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
    one.timer = setTimeout(() => { one.late = true; one.reject(SILENT); }, 8000);
    waiting.set(key, one);
    model.send(message, undefined, buffers);
    return one.promise;
  }
  function end(key) {
    const one = waiting.get(key);
    clearTimeout(one?.timer);
    waiting.delete(key);
    return one;
  }
  function state() {
    return { layer: model.get("layer"), place: model.get("place"), opened: model.get("opened") };
  }
  const view = explorer(el, host);
  const changed = () => {
    clearTimeout(choosing);
    run = 0;
    for (const key of [...waiting.keys()]) end(key).resolve(undefined);
    view.load(model.get("network"), state());
  };
  const moved = () => { if (!own) view.follow(state()); };
  const answered = (message, buffers) => {
    if (message.ran) answeredRun(message);
    else if (message.failed) {
      clearTimeout(choosing);
      const one = end(`maps ${message.network} ${message.row} ${message.run}`);
      if (one && !one.late) one.reject(message.failed);
      else view.refused(message.failed);
    }
    else if (message.maps) {
      const { maps, network, run: of, gone } = message;
      const record = { ...maps, values: buffers[0], weights: buffers[1] };
      const one = end(`maps ${network} ${maps.row} ${of}`);
      const isNew = network === model.get("network").id && of === run; // else the picture is another one now
      if (one && !one.late) one.resolve(isNew && !gone ? record : undefined);
      else if (isNew && !gone) view.late(record); // a kernel that was busy
      if (isNew && gone) view.runAgain(); // other views of the object have run so much since
    }
  };
  const answeredRun = (message) => {
    const one = end(`run ${message.ran}`);
    if (!one) return; // another view has asked, or the network is gone
    if (message.failed && one.late) view.refused(message.failed);
    else if (message.failed) one.reject(message.failed);
    else if (message.ran === asked) { // else the page has stopped to wait, and asked for a newer one
      run = message.ran;
      if (one.late) view.lateRun(message);
      else one.resolve(message);
    }
  };
  model.on("change:network", changed);
  model.on("change:layer change:place change:opened", moved);
  model.on("msg:custom", answered);
  const unfit = fitLecture(view);
  return () => {
    unfit();
    view.end();
    model.off("change:network", changed);
    model.off("change:layer change:place change:opened", moved);
    model.off("msg:custom", answered);
  };
}

// In a live lecture (jupyterlab-slideshow) an explorer is as large as the screen allows. It only
// shrinks, so that it stays as it is from layer to layer; with its panel open it scrolls. No event
// tells that a slide comes or goes: what does not stand on the present one is invisible.
const inLecture = (element) => Boolean(element.closest(".jp-Deck"));
function fitLecture({ root, refit }) {
  let screen = null; // null: not on the present slide
  let place = null; // where it stood when it was made to fit; null: it has come to rest
  const shrink = (zoom) => {
    for (; zoom > innerHeight / 1440; zoom *= 0.95) {
      root.style.zoom = zoom;
      refit();
      if (root.getBoundingClientRect().bottom <= innerHeight) return;
    }
  };
  const look = () => {
    const panel = root.querySelector(".picture-panel");
    if (!inLecture(root) && root.style.zoom) {
      root.style.zoom = "";
      refit();
    }
    if (!inLecture(root) || !root.checkVisibility({ visibilityProperty: true })) {
      screen = null;
      return;
    }
    if (panel && !screen) panel.open = false;
    if (panel?.open || root.querySelector(".status").textContent) return; // that goes again
    const now = `${innerWidth}×${innerHeight}`;
    const { top, bottom } = root.getBoundingClientRect();
    if (now !== screen || (place !== null && place !== top)) { // a slide that comes may still move
      shrink(innerHeight / 720);
      place = root.getBoundingClientRect().top;
    } else {
      place = null;
      if (bottom > innerHeight) shrink(0.95 * root.style.zoom);
    }
    screen = now;
  };
  const timer = setInterval(look, 200);
  return () => clearInterval(timer);
}

// A page without a kernel: all data lies there. `options.weights`, a name → the promise of a text,
// brings the network to life (see 08_network.js).
function show(element, data, options = {}) {
  const { network, maps = {} } = data;
  const state = { layer: network.start, place: network.place, opened: network.opened };
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
