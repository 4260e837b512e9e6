// Makes widgets of a page move: frames drawn in advance, chosen and stepped through. (The shape
// explorer is none of them: see load_explorers.js.)
// A page holds <div class="frames" data-frames="explorers/KEY.js" data-key="KEY"> with a strip of
// pictures inside; the file calls explorerFrames("KEY", {…}), see resnet_course/pictures/frames.py. Without
// this script the strip is what a reader sees.
"use strict";

(() => {
  const number = (() => { let last = 0; return () => ++last; })();

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function address(lines, picture) {
    const whole = picture.map((i) => lines[i]).join("\n");
    return whole.startsWith("data:") ? whole : "data:image/svg+xml;charset=utf-8," + encodeURIComponent(whole);
  }

  function start(box, data) {
    const id = "frames" + number();
    let chosen = data.start[0] === "" ? [] : data.start[0].split(",").map(Number);
    let place = data.start[1];
    let timer = null;

    const path = () => data.paths[chosen.join(",")];
    const frame = () => data.frames[path()[place]];

    // A list for each choice. One that has no second option shows what is fixed.
    const selects = data.choices.map((choice, i) => {
      const select = make("select", { id: `${id}-choice${i}` });
      choice.options.forEach((option, j) => select.append(make("option", { value: j }, option)));
      select.value = chosen[i];
      select.disabled = choice.options.length < 2;
      select.addEventListener("change", () => choose(i, Number(select.value)));
      return make("span", {}, make("label", { for: select.id }, choice.label), " ", select);
    });

    const back = make("button", { type: "button" }, "◀ back");
    const next = make("button", { type: "button" }, "next ▶");
    const play = make("button", { type: "button", "aria-pressed": "false" }, "▶▶ play");
    const slider = make("input", { type: "range", min: 0, id: `${id}-place` });
    const where = make("output", { for: slider.id });
    const steps = make("div", { class: "frames-controls" }, back, next, play,
      make("span", { class: "frames-place" },
        make("label", { for: slider.id }, "place"), slider, where));
    const picture = make("img");
    const paper = make("div", { class: "frames-picture", tabindex: 0 }, picture);
    const words = make("p", { class: "frames-words", "aria-live": "polite" });

    function show() {
      const length = path().length;
      picture.src = address(data.lines, frame().picture);
      picture.alt = frame().words;
      words.textContent = frame().words;
      slider.max = length - 1;
      slider.value = place;
      slider.setAttribute("aria-valuetext", `${place + 1} of ${length}`);
      where.textContent = `${place + 1} of ${length}`;
      back.disabled = place === 0;
      next.disabled = place === length - 1;
      steps.hidden = Math.max(...Object.values(data.paths).map((each) => each.length)) < 2;
    }

    function go(to) {
      place = Math.min(Math.max(to, 0), path().length - 1);
      show();
    }

    function choose(i, option) {
      const at = frame().at;
      chosen = chosen.map((old, j) => (j === i ? option : old));
      const found = path().findIndex((index) => data.frames[index].at >= at);
      go(found < 0 ? path().length - 1 : found);
    }

    function halt() {
      clearInterval(timer);
      timer = null;
      play.setAttribute("aria-pressed", "false");
      play.textContent = "▶▶ play";
      words.setAttribute("aria-live", "polite");
    }

    play.addEventListener("click", () => {
      if (timer !== null) return halt();
      play.setAttribute("aria-pressed", "true");
      play.textContent = "■ stop";
      words.setAttribute("aria-live", "off"); // a voice could not follow
      if (place === path().length - 1) go(0);
      timer = setInterval(() => (place < path().length - 1 ? go(place + 1) : halt()), 700);
    });
    back.addEventListener("click", () => { halt(); go(place - 1); });
    next.addEventListener("click", () => { halt(); go(place + 1); });
    slider.addEventListener("input", () => { halt(); go(Number(slider.value)); });
    // mdBook turns the page with the arrow keys; here they belong to the controls.
    box.addEventListener("keydown", (event) => event.stopPropagation());

    const choices = make("div", { class: "frames-controls" }, ...selects);
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", data.name);
    box.removeAttribute("tabindex"); // the strip had it, to be scrolled
    box.replaceChildren(...(selects.length ? [choices] : []), steps, paper, words);
    box.classList.add("frames-live");
    show();
  }

  const boxes = [...document.querySelectorAll(".frames[data-frames]")];
  window.explorerFrames = (key, data) =>
    boxes.filter((box) => box.dataset.key === key).forEach((box) => start(box, data));
  for (const file of new Set(boxes.map((box) => box.dataset.frames))) {
    const script = make("script", { src: file });
    script.addEventListener("error", () => {
      for (const box of boxes.filter((each) => each.dataset.frames === file)) {
        const note = "The frames of this widget could not be loaded. Here are some of its pictures.";
        box.prepend(make("p", { class: "output-note" }, note));
      }
    });
    document.head.append(script);
  }
})();
