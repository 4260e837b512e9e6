// A picture is as wide as the page, on a phone too; a tap, a click or its button shows it large, in a
// dialog where it scrolls. Escape, a tap or "Close" ends that. Without this script it stays small.
"use strict";

(() => {
  function make(tag, className, words = "") {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = words;
    if (tag === "button") element.type = "button";
    return element;
  }

  const dialog = make("dialog", "enlarged"), close = make("button", "", "✕ Close");
  dialog.setAttribute("aria-label", "The picture, enlarged");
  dialog.append(close);
  document.body.append(dialog);
  // What is drawn in the page answers to a tap itself; all else closes.
  dialog.addEventListener("click", ({ target }) => { if (!target.closest(".frames-drawing")) dialog.close(); });
  // Elsewhere mdBook turns the page with the arrow keys, and takes Escape for its search.
  dialog.addEventListener("keydown", (event) => event.stopPropagation());

  function enlarge(box, place, button) {
    const image = box.querySelector("img");
    place.style.minHeight = `${box.offsetHeight}px`; // what stands below does not jump
    if (image) box.style.setProperty("--full", `${image.naturalWidth}px`);
    box.tabIndex = 0; // so that it can be scrolled with the arrow keys
    dialog.append(box); // the picture itself, not a copy: frames go on, a drawing keeps its tips
    dialog.addEventListener("close", () => {
      box.removeAttribute("tabindex");
      place.prepend(box);
      place.style.minHeight = "";
      button.focus();
    }, { once: true });
    dialog.showModal();
    box.focus();
  }

  // A drawing at its full size keeps its clicks.
  function isSmaller(box) {
    const drawn = box.querySelector(".frames-drawing");
    return !drawn || drawn.clientWidth < parseFloat(drawn.style.getPropertyValue("--drawn"));
  }

  // Returns the place to put into the page: with the box of a picture, and a button.
  window.enlargeable = (box) => {
    const place = make("span", "enlargeable"), button = make("button", "enlarge");
    button.setAttribute("aria-label", "Enlarge this picture");
    button.title = "Enlarge";
    button.addEventListener("click", () => enlarge(box, place, button));
    box.addEventListener("click", () => { if (!dialog.open && isSmaller(box)) enlarge(box, place, button); });
    box.replaceWith(place); // if it stands in the page already
    place.append(box, button);
    return place;
  };

  for (const image of document.querySelectorAll("main p > img")) {
    const box = make("span", "picture");
    image.replaceWith(box);
    box.append(image);
  }
  document.querySelectorAll("main .picture").forEach(window.enlargeable);
})();
