// The explorer of the course: a network that one can touch. The same files run in JupyterLab (as an
// anywidget), in the book and in the slides. Python computes every number and every word and hands
// them over as `network` and `maps` (see explorer_data.py and explorer_maps.py); here they are placed,
// drawn, and touched. All files of this folder make one module, in the order of their numbers: small
// tools, the tree of modules, the layout of the strip, its drawing, the parts of the close-up, one
// value and its window, the picture that goes in, a network that runs in the page, touch and keys, the
// explorer itself, and its hosts.

// Small tools.

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
// A clicker turns the page around with these, and Escape leaves it: whatever has the focus.
// Also Ctrl + S, and Shift + Enter, which runs a cell.
const isForPage = ({ key, shiftKey, ctrlKey, metaKey, altKey }) => ["PageDown", "PageUp", "Escape"].includes(key) || ctrlKey || metaKey || altKey || (shiftKey && key === "Enter");
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

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// Numbers of 16 bits: 1 for the sign, 5 for the exponent, 10 behind the point. The same bits in a
// 32-bit number, 13 places further up, are 2¹¹² times too small.
function floats(count, halfAt) {
  const numbers = new Float32Array(count);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < count; i++) {
    const half = halfAt(i);
    const infinite = (half & 0x7c00) === 0x7c00;
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13) | (infinite ? 0x7f800000 : 0);
    if (!infinite) numbers[i] *= 2 ** 112;
  }
  return numbers;
}

// Maps come as bytes or in base64, weights as text: each character is a number.
function floatsOf(bytes, scale) {
  if (typeof bytes === "string") bytes = bytesOf(bytes);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return floats(bytes.byteLength / 2, (i) => data.getUint16(2 * i, true)).map((value) => value * scale);
}

const weightsOf = (text) => floats(text.length, (i) => text.charCodeAt(i));

// `colourOf` says for the i-th pixel: [red, green, blue, opacity].
function paint(canvas, height, width, colourOf) {
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) image.data.set(colourOf(i), 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Blue for positive, orange for negative, white for 0: also colour-blind people tell them apart.
function paintMap(values, height, width, strongest) {
  return paint(make("canvas"), height, width, (i) => {
    const share = clamp(Math.abs(values[i]) / (strongest || 1), 0, 1) ** 0.7;
    const ink = values[i] >= 0 ? [0, 84, 160] : [213, 94, 0];
    return [...ink.map((colour) => 255 + share * (colour - 255)), 255];
  }).toDataURL();
}

// The picture that goes in, as a learner knows it: a grey one as it is printed, 0 is white; a grey
// photograph as it is.
function paintPicture(canvas, pixels, { shape: [channels, height, width], photographs }) {
  return paint(canvas, height, width, (i) => {
    const grey = photographs ? pixels[i] : 255 - pixels[i];
    return channels === 3 ? [...pixels.subarray(3 * i, 3 * i + 3), 255] : [grey, grey, grey, 255];
  });
}
