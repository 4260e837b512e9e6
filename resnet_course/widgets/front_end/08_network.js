// A small network that runs in the page itself: its forward pass, in a worker, without a kernel.
//
// The steps come from explorer_steps.py, one for each row of the trace, and the weights as one long
// array; "weight", "bias", "mean" and "var" of a step say where in it they begin. Maps are arrays
// of channels × height × width numbers, one line after another.
//
// Only pages use it; in JupyterLab the kernel computes.

// The forward pass, and the messages around it. A worker gets the text of this function, so nothing
// in it may come from outside. Where there is no worker, the page calls it with a scope of its own.
function networkInWorker(scope = self) {
  let steps, weights;

  // First the network comes, then inputs; each input is answered by what all rows give.
  scope.onmessage = ({ data }) => {
    if (data.steps) ({ steps, weights } = data);
    else {
      let rows;
      try {
        rows = forward(steps, weights, data.input, data.changes);
      } catch (error) {
        return scope.postMessage({ error: error.message });
      }
      // Handed over, not copied; rows that pass something on share it.
      scope.postMessage({ rows }, [...new Set(rows.map((row) => row.buffer))]);
    }
  };

  const size = (shape) => shape.reduce((product, length) => product * length, 1);

  // What each row gives. A change [row, source] says: this row gives what that one gave, whatever
  // the network would compute; source -1 is the input.
  function forward(steps, weights, input, changes = []) {
    const instead = new Map(changes);
    const rows = [];
    const given = (row) => (row < 0 ? input : rows[row]);
    steps.forEach((step, row) => {
      const came = step.from.map(given);
      if (came[0].length !== size(step.in)) throw new Error(`row ${row} needs ${step.in.join("×")} numbers`);
      const found = instead.has(row) ? given(instead.get(row)) : compute(step, came, weights);
      if (found?.length !== size(step.out)) throw new Error(`row ${row} must give ${step.out.join("×")} numbers`);
      rows.push(found);
    });
    return rows;
  }

  function compute(step, came, weights) {
    const x = came[0];
    switch (step.op) {
      case "conv":
        return convolve(step, x, weights);
      case "norm":
        return normalise(step, x, weights);
      case "relu":
        return x.map((value) => Math.max(value, 0));
      case "add":
        return came.slice(1).reduce((sum, term) => sum.map((value, i) => value + term[i]), x);
      case "max":
        return largest(step, x);
      case "mean":
        return means(step, x);
      case "linear":
        return multiply(step, x, weights);
      case "zero_pad":
        return thinOut(step, x);
      case "flatten": // the numbers already stand in one line
      case "same":
        return x;
    }
    throw new Error(`unknown operation ${step.op}`);
  }

  // A copy of a map with a frame of zeros, so that no window sticks out.
  function withFrame(x, [channels, height, width], [top, left]) {
    const [high, wide] = [height + 2 * top, width + 2 * left];
    const framed = new Float32Array(channels * high * wide);
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++) {
        const line = (c * height + y) * width;
        framed.set(x.subarray(line, line + width), (c * high + top + y) * wide + left);
      }
    return framed;
  }

  // Nearly all time is spent here. Each filter goes over the map with eight of its weights at once.
  function convolve({ in: shape, out, kernel, stride, padding, dilation, groups, weight, bias }, x, weights) {
    const [filters, rows, columns] = out;
    const [high, wide] = [shape[1] + 2 * padding[0], shape[2] + 2 * padding[1]];
    const framed = withFrame(x, shape, padding);
    const channels = shape[0] / groups; // that one filter sees
    const count = channels * kernel[0] * kernel[1];
    // Where each weight finds its value, from the corner of the window; weights of 0 fill up the last eight.
    const places = new Int32Array(8 * Math.ceil(count / 8));
    const own = new Float32Array(places.length);
    let n = 0;
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < kernel[0]; y++)
        for (let x = 0; x < kernel[1]; x++) places[n++] = (c * high + y * dilation[0]) * wide + x * dilation[1];

    const result = new Float32Array(filters * rows * columns);
    for (let f = 0; f < filters; f++) {
      own.set(weights.subarray(weight + f * count, weight + (f + 1) * count));
      if (bias !== undefined) result.fill(weights[bias + f], f * rows * columns, (f + 1) * rows * columns);
      const group = Math.floor((f * groups) / filters) * channels * high * wide;
      for (let i = 0; i < places.length; i += 8) {
        const [a, b, c, d, e, g, h, k] = own.subarray(i, i + 8);
        for (let y = 0; y < rows; y++) {
          const line = group + y * stride[0] * wide;
          sumUp(line, (f * rows + y) * columns, i, a, b, c, d, e, g, h, k);
        }
      }
    }
    return result;

    function sumUp(line, to, i, a, b, c, d, e, g, h, k) {
      const step = stride[1];
      let pa = line + places[i], pb = line + places[i + 1], pc = line + places[i + 2], pd = line + places[i + 3];
      let pe = line + places[i + 4], pg = line + places[i + 5], ph = line + places[i + 6], pk = line + places[i + 7];
      for (let end = to + columns; to < end; to++) {
        result[to] +=
          a * framed[pa] + b * framed[pb] + c * framed[pc] + d * framed[pd] +
          e * framed[pe] + g * framed[pg] + h * framed[ph] + k * framed[pk];
        pa += step; pb += step; pc += step; pd += step; pe += step; pg += step; ph += step; pk += step;
      }
    }
  }

  // Batch normalisation in evaluation mode: one factor and one shift for each channel.
  function normalise({ out, weight, bias, mean, var: variance, eps }, x, weights) {
    const area = x.length / out[0];
    const result = new Float32Array(x.length);
    for (let c = 0; c < out[0]; c++) {
      const factor = (weight === undefined ? 1 : weights[weight + c]) / Math.sqrt(weights[variance + c] + eps);
      const shift = (bias === undefined ? 0 : weights[bias + c]) - weights[mean + c] * factor;
      for (let i = c * area; i < (c + 1) * area; i++) result[i] = x[i] * factor + shift;
    }
    return result;
  }

  // Max pooling; pixels outside of the map do not count.
  function largest({ in: [channels, height, width], out: [, rows, columns], kernel, stride, padding }, x) {
    const result = new Float32Array(channels * rows * columns);
    let n = 0;
    for (let c = 0; c < channels; c++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) {
          const [top, left] = [row * stride[0] - padding[0], column * stride[1] - padding[1]];
          let best = -Infinity;
          for (let y = Math.max(top, 0); y < Math.min(top + kernel[0], height); y++)
            for (let at = Math.max(left, 0); at < Math.min(left + kernel[1], width); at++)
              best = Math.max(best, x[(c * height + y) * width + at]);
          result[n++] = best;
        }
    return result;
  }

  // The mean of each channel.
  function means({ in: [channels, height, width] }, x) {
    const area = height * width;
    return Float32Array.from({ length: channels }, (_, c) =>
      x.subarray(c * area, (c + 1) * area).reduce((sum, value) => sum + value, 0) / area);
  }

  function multiply({ out: [length], weight, bias }, x, weights) {
    return Float32Array.from({ length }, (_, i) =>
      x.reduce((sum, value, j) => sum + value * weights[weight + i * x.length + j], bias === undefined ? 0 : weights[bias + i]));
  }

  // The shortcut without weights: every other pixel, and channels of zeros behind.
  function thinOut({ in: [channels, height, width], out, stride }, x) {
    const [, rows, columns] = out;
    const result = new Float32Array(size(out));
    let n = 0;
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < rows; y++)
        for (let column = 0; column < columns; column++)
          result[n++] = x[(c * height + y * stride[0]) * width + column * stride[1]];
    return result;
  }
}

// Start a network. `run` promises what each row gives, for an input and a list of changes. While one
// request is computed, only the newest of those that come in waits; the others resolve to undefined.
function startNetwork(steps, weights) {
  let address, send, worker;
  let running, waiting; // requests
  let ended = false;

  const receive = ({ data }) => {
    const done = running;
    running = undefined;
    if (data.error) done?.reject(new Error(data.error));
    else done?.resolve(data.rows);
    if (waiting) start(waiting);
  };
  // Some pages may have no worker: then the same functions run in the page, between its other work.
  const stay = () => {
    worker?.terminate();
    worker = undefined;
    const scope = { postMessage: (data) => ended || receive({ data }) };
    networkInWorker(scope);
    scope.onmessage({ data: { steps, weights } });
    send = (data) => setTimeout(() => ended || scope.onmessage({ data }));
    if (running) send(running.request);
  };
  const start = (next) => {
    running = next;
    waiting = undefined;
    send(next.request);
  };

  try {
    address = URL.createObjectURL(new Blob([`(${networkInWorker})()`], { type: "text/javascript" }));
    worker = new Worker(address);
    worker.onmessage = receive;
    // Errors of the forward pass come as messages: this one says that the worker did not start.
    worker.onerror = (event) => {
      event.preventDefault();
      if (!ended) stay();
    };
    worker.postMessage({ steps, weights });
    send = (data) => worker.postMessage(data);
  } catch {
    stay();
  }

  return {
    run(input, changes = []) {
      if (ended) return Promise.resolve();
      return new Promise((resolve, reject) => {
        // A copy: the page may go on painting in its own.
        const next = { request: { input: Float32Array.from(input), changes }, resolve, reject };
        if (!running) return start(next);
        waiting?.resolve();
        waiting = next;
      });
    },
    end() {
      ended = true;
      worker?.terminate();
      if (address) URL.revokeObjectURL(address);
      for (const each of [running, waiting]) each?.resolve();
      running = waiting = undefined;
    },
  };
}
