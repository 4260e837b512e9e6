// Brings the shape explorers of a page to life, each when it comes into view.
// A page holds <div class="explorer-place" data-explorer="explorers/KEY.js" data-key="KEY"> with the
// stored picture and its words inside. The file calls explorerData("KEY", {…}); the front end, which
// stands in the page as window.resnetExplorer, takes the picture's place. Without it the picture stays.
"use strict";

(() => {
  const places = [...document.querySelectorAll("[data-explorer]")];
  const page = document.documentElement;

  function followTheme(root = document) {
    const theme = ["coal", "navy", "ayu"].some((name) => page.classList.contains(name)) ? "dark" : "light";
    for (const each of root.querySelectorAll(".resnet-explorer")) each.dataset.theme = theme;
  }

  function fail(place) {
    const note = document.createElement("p");
    note.className = "output-note";
    note.append("The explorer could not be loaded. Here is its picture.");
    place.prepend(note);
  }

  function show(place, data) {
    const still = [...place.childNodes];
    const box = document.createElement("div");
    place.append(box);
    try {
      window.resnetExplorer.show(box, data);
      followTheme(box);
      for (const each of still) each.remove();
    } catch (error) {
      box.remove();
      console.error(error); // the note of `load` is for readers
    }
  }

  function load(place) {
    const script = document.createElement("script");
    const failed = () => place.querySelector(".resnet-explorer") || fail(place);
    script.src = place.dataset.explorer;
    script.addEventListener("load", failed);
    script.addEventListener("error", failed);
    document.head.append(script);
  }

  window.explorerData = (key, data) => {
    for (const place of places) if (place.dataset.key === key) show(place, data);
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      load(target);
    }
  }, { rootMargin: "400px" });
  for (const place of places) watcher.observe(place);
  new MutationObserver(() => followTheme()).observe(page, { attributeFilter: ["class"] });
})();
