// Starts the deck, names the section on each of its slides, and uses the room there is.
"use strict";

const SMALLEST = 150; // pixels of height; below that nobody could read the picture
const LARGEST = 1.5; // times its own size; beyond that it gets blurred
const ZOOMS = [0.96, 0.92, 0.88, 0.84, 0.8]; // of an explorer; below that its letters are too small
const LETTERS = [26, 24, 22, 20]; // pixels, for code and printed text where there is room

function nameSections() {
  for (const stack of document.querySelectorAll(".slides > section")) {
    const [first, ...rest] = stack.querySelectorAll("section");
    const title = first?.querySelector(".cell :is(h1, h2, h3)")?.innerText;
    for (const slide of title ? rest : []) {
      if (slide.querySelector(".cell :is(h1, h2, h3)")) continue;
      const name = document.createElement("p");
      name.className = "section-name";
      name.append(title);
      slide.prepend(name);
    }
  }
}

function freeHeight(slide) {
  const last = Math.max(...[...slide.querySelectorAll(".cell, .cell *")]
    .filter((element) => !element.parentElement.closest(".live")) // that scrolls
    .map((element) => element.getBoundingClientRect().bottom));
  const used = (last - slide.getBoundingClientRect().top) / Reveal.getScale();
  return Reveal.getConfig().height - 20 - used;
}

function fitPictures(slide, pictures) {
  for (const picture of pictures) picture.style.height = `${SMALLEST}px`;
  const free = freeHeight(slide) / pictures.length;
  for (const picture of pictures) {
    const high = Math.min(picture.naturalHeight * LARGEST, SMALLEST + Math.max(free, 0));
    picture.style.height = `${Math.floor(high)}px`;
  }
}

function fitLetters(slide) {
  const texts = [...slide.querySelectorAll(".cell pre")];
  for (const size of texts.length ? LETTERS : []) {
    slide.style.setProperty("--letters", `${size}px`);
    const narrow = texts.every((text) => text.scrollWidth <= text.clientWidth);
    if (narrow && freeHeight(slide) > 0) return;
  }
  slide.style.removeProperty("--letters");
}

function fitExplorer(slide, place) {
  place.style.height = `${SMALLEST}px`;
  place.style.height = `${SMALLEST + Math.floor(Math.max(freeHeight(slide) + 14, 0))}px`;
  place.lastChild.firstChild.style.zoom = 1;
  shrink(place);
}

// Makes an explorer smaller until it is whole; at other layers it may be higher than at the first.
// With its panel open it scrolls.
function shrink(place) {
  const explorer = place.lastChild.firstChild;
  if (explorer.querySelector(".picture-panel[open]")) return;
  for (const zoom of ZOOMS.filter((each) => each < explorer.style.zoom)) {
    if (place.scrollHeight <= place.clientHeight) return;
    explorer.style.zoom = zoom;
  }
}

// The stored picture stays for printing, and for an explorer that does not start.
function startExplorers() {
  for (const place of document.querySelectorAll(".explorer-place")) {
    const box = document.createElement("div");
    place.append(box);
    place.dataset.preventSwipe = ""; // reveal.js: a drag along the strip turns no slide
    try {
      resnetExplorer.show(box, explorers[place.dataset.key], { large: true, weights: async (name) => weights[name] });
      box.firstChild.dataset.theme = "light";
      place.classList.add("live");
      new ResizeObserver(() => shrink(place)).observe(box.firstChild);
    } catch (error) {
      box.remove();
      console.error(error);
    }
  }
}

// An explorer keeps its keys for itself; those of a clicker still turn the page.
document.addEventListener("keydown", (event) => {
  if (!event.target.closest(".resnet-explorer")) return;
  if (["PageDown", "PageUp", "Escape"].includes(event.key)) event.target.blur();
}, true);

function fitSlides() {
  for (const slide of document.querySelectorAll(".slides section section")) {
    const shown = [slide, slide.parentElement]; // what is not the present slide has no size
    const displays = shown.map((element) => element.style.display);
    for (const element of shown) element.style.display = "block";
    const place = slide.querySelector(".explorer-place.live");
    const pictures = [...slide.querySelectorAll("img")].filter((each) => !each.closest(".live"));
    if (place) fitExplorer(slide, place);
    else if (pictures.length) fitPictures(slide, pictures);
    else fitLetters(slide);
    shown.forEach((element, i) => { element.style.display = displays[i]; });
  }
}

// The speaker's window shows the notes in a fragment in place of those of its slide: all belong to it.
for (const note of document.querySelectorAll(".fragment aside.notes")) note.closest("section").append(note);

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  hash: true,
  navigationMode: "linear", // no key leaves out the answers that lie below a slide
  slideNumber: "c/t",
  transition: "none",
  plugins: [RevealNotes],
}).then(async () => {
  nameSections();
  startExplorers();
  fitSlides();
  // Some browsers know the size of a picture only when it is decoded.
  await Promise.all([...document.images].map((each) => each.decode().catch(() => {})));
  fitSlides();
});
