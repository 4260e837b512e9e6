// Brings the shape explorers of a page to life, each when it comes into view.
// A page holds <div class="explorer-place" data-explorer="explorers/KEY.js" data-key="KEY"> with the
// stored picture and its words inside. The file calls explorerData("KEY", {…}); the front end, which
// stands in the page as window.resnetExplorer, takes the picture's place. Without it, and on paper, the
// picture stays.
"use strict";

(() => {
  const places = [...document.querySelectorAll("[data-explorer]")];
  const page = document.documentElement;

  function followTheme(root = document) {
    const theme = ["coal", "navy", "ayu"].some((name) => page.classList.contains(name)) ? "dark" : "light";
    for (const each of root.querySelectorAll(".resnet-explorer")) each.dataset.theme = theme;
  }

  function noteIn(place) {
    const note = document.createElement("p");
    note.className = "output-note";
    note.setAttribute("role", "status");
    place.prepend(note);
    return note;
  }

  // The weights of a network that runs in the page: fetched when they are first needed.
  const weights = {};
  window.networkWeights = (name, text) => weights[name].resolve(text);
  function weightsNamed(name) {
    weights[name] ??= {};
    weights[name].promise ??= new Promise((resolve, reject) => {
      weights[name].resolve = resolve;
      const script = document.createElement("script");
      script.src = `explorers/weights-${name}.js`;
      script.addEventListener("error", () => {
        delete weights[name].promise; // the next change tries again
        reject(new Error("The weights of the network could not be loaded."));
      });
      document.head.append(script);
    });
    return weights[name].promise;
  }

  function show(place, data) {
    const box = document.createElement("div");
    box.className = "explorer-live"; // print.css has the picture back on paper
    place.append(box);
    try {
      window.resnetExplorer.show(box, data, { weights: weightsNamed });
      followTheme(box);
      place.querySelector(".output-note").remove();
      // A drag along the strip must not open mdBook's table of contents.
      box.addEventListener("touchmove", (event) => event.stopPropagation(), { passive: true });
    } catch (error) {
      box.remove();
      console.error(error); // the note of `load` is for readers
    }
  }

  function load(place) {
    const script = document.createElement("script");
    const note = noteIn(place);
    note.textContent = "The explorer is being loaded. Until then, its picture.";
    const loaded = () => {
      if (!place.querySelector(".resnet-explorer")) note.textContent = "The explorer could not be loaded. Here is its picture.";
    };
    script.src = place.dataset.explorer;
    script.addEventListener("load", loaded);
    script.addEventListener("error", loaded);
    document.head.append(script);
  }

  window.explorerData = (key, data) => {
    for (const place of places) if (place.dataset.key === key) show(place, data);
  };
  window.whenInView(places, load);
  new MutationObserver(() => followTheme()).observe(page, { attributeFilter: ["class"] });
})();
