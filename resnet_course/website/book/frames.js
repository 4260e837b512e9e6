// Makes widgets of a page move, each when it comes into view: frames drawn in advance,
// to be chosen from. (The shape explorer is none of them: see load_explorers.js.)
// A page holds <div class="frames" data-frames="explorers/KEY.js" data-key="KEY"> with a strip of
// pictures inside; the file calls explorerFrames("KEY", {…}), see resnet_course/pictures/frames.py. Without
// this script the strip is what a reader sees.
// A drawing stands in the page itself, so that its parts answer to the mouse as in JupyterLab. Only
// what is on the lists below can stand there; any other picture is an <img>, where nothing runs or loads.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg", XMLNS = "http://www.w3.org/2000/xmlns/";
  const ELEMENTS = new Set(["svg", "defs", "title", "desc", "style", "g", "rect", "circle", "ellipse",
    "line", "path", "polygon", "polyline", "text", "tspan"]);
  const ATTRIBUTES = new Set(["class", "style", "width", "height", "viewBox", "x", "y", "x1", "y1", "x2",
    "y2", "dx", "dy", "rx", "ry", "cx", "cy", "r", "d", "points", "transform", "fill", "fill-opacity",
    "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
    "opacity", "font-size", "font-family", "font-weight", "font-style", "text-anchor"]);
  const CALLS = /\b(has|is|not|rgb|translate|rotate|scale)\(/g; // no other, so nothing can be loaded

  const number = (() => { let last = 0; return () => ++last; })();

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function address(picture) {
    if (picture.startsWith("data:")) return picture;
    return "data:image/svg+xml;charset=utf-8," + encodeURIComponent(picture);
  }

  const quiet = (style) => !/[@\\(]/.test(style.replace(CALLS, ""));

  function harmless(element) {
    if (element.namespaceURI !== SVG || !ELEMENTS.has(element.localName)) return false;
    const rules = element.localName === "style" ? element.textContent : "";
    if (!quiet(rules) || (rules && element.childElementCount)) return false;
    return [...element.attributes].every(({ name, namespaceURI, value }) =>
      namespaceURI === XMLNS || (ATTRIBUTES.has(name) && quiet(value)));
  }

  // The root of an SVG picture; null for any other, a damaged one, one with more than a drawing needs.
  function drawing(picture) {
    if (picture.startsWith("data:")) return null;
    const root = new DOMParser().parseFromString(picture, "image/svg+xml").documentElement;
    const all = [root, ...root.querySelectorAll("*")];
    return root.localName === "svg" && root.hasAttribute("viewBox") && all.every(harmless) ? root : null;
  }

  function start(box, data) {
    const id = "frames" + number();
    let at = data.start;
    // Of each choice: how far apart two neighbouring options lie; that of the last changes first.
    const strides = data.choices.map((_, i) =>
      data.choices.slice(i + 1).reduce((count, { options }) => count * options.length, 1));
    const option = (i) => Math.floor(at / strides[i]) % data.choices[i].options.length;

    // A list for each choice. One that has no second option shows what is fixed.
    const selects = data.choices.map((choice, i) => {
      const select = make("select", { id: `${id}-choice${i}` });
      choice.options.forEach((name, j) => select.append(make("option", { value: j }, name)));
      select.value = option(i);
      select.disabled = choice.options.length < 2;
      select.addEventListener("change", () => {
        at += (Number(select.value) - option(i)) * strides[i];
        show();
      });
      return make("span", {}, make("label", { for: select.id }, choice.label), " ", select);
    });

    const image = make("img");
    const drawn = make("div", { class: "frames-drawing", role: "img" });
    drawn.attachShadow({ mode: "open" }); // the styles of a picture end here
    const paper = make("div", { class: "frames-picture" });
    const words = make("p", { class: "frames-words", "aria-live": "polite" });
    const points = make("ul"); // what the mouse would find, for those who have none
    const spoken = make("details", { class: "frames-points" },
      make("summary", {}, "Every point in words"), points);

    function show() {
      const frame = data.frames[at];
      const picture = frame.picture.map((i) => data.lines[i]).join("\n");
      const root = drawing(picture);
      const tips = root ? [...root.querySelectorAll("g > title, .gradient-tip")] : [];
      points.replaceChildren(...tips.map((tip) => make("li", {}, tip.textContent)));
      spoken.hidden = !tips.length;
      if (root) {
        drawn.style.setProperty("--drawn", `${parseFloat(root.getAttribute("width"))}px`);
        drawn.setAttribute("aria-label", frame.words);
        root.style.cssText = "display: block; width: 100%; height: auto";
        drawn.shadowRoot.replaceChildren(root);
      } else {
        image.src = address(picture);
        image.alt = frame.words;
      }
      paper.replaceChildren(root ? drawn : image);
      words.textContent = frame.words;
    }

    // mdBook turns the page with the arrow keys; here they belong to the controls.
    box.addEventListener("keydown", (event) => event.stopPropagation());

    const choices = make("div", { class: "frames-controls" }, ...selects);
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", data.name);
    box.removeAttribute("tabindex"); // the strip had it, to be scrolled
    box.replaceChildren(...(selects.length ? [choices] : []),
      window.enlargeable?.(paper) ?? paper, words, spoken);
    box.classList.add("frames-live");
    show();
  }

  // For other scripts, too: calls `action` for each element when it is about to be seen.
  window.whenInView = (elements, action) => {
    const watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        action(target);
      }
    }, { rootMargin: "400px" });
    for (const each of elements) watcher.observe(each);
  };

  const boxes = [...document.querySelectorAll(".frames[data-frames]")];
  window.explorerFrames = (key, data) =>
    boxes.filter((box) => box.dataset.key === key).forEach((box) => start(box, data));
  window.whenInView(boxes, (box) => {
    const script = make("script", { src: box.dataset.frames });
    script.addEventListener("error", () => {
      const note = "The frames of this widget could not be loaded. Here are some of its pictures.";
      box.prepend(make("p", { class: "output-note" }, note));
    });
    document.head.append(script);
  });
})();
