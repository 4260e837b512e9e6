// What mdBook's own menus lack for those who read with a keyboard or a screen reader: names, roles, and
// a button for the list of chapters.
"use strict";

(() => {
  const LACKING = {
    "#mdbook-menu-bar": { role: "banner" },
    "#mdbook-searchbar": { "aria-label": "Search this book" },
    "#mdbook-search-wrapper": { role: "search" },
    "#mdbook-help-container": { role: "dialog", "aria-label": "Keyboard shortcuts" },
  };
  for (const [name, attributes] of Object.entries(LACKING)) {
    const element = document.querySelector(name);
    for (const each of Object.entries(attributes)) element?.setAttribute(...each);
  }

  // The list of chapters is opened by a label, which no key reaches: a button stands in for it.
  const label = document.querySelector("#mdbook-sidebar-toggle"), button = document.createElement("button");
  const box = document.querySelector(`#${label.htmlFor}`);
  const told = () => button.setAttribute("aria-expanded", box.checked);
  button.type = "button";
  button.className = label.className;
  button.title = "Chapters";
  button.setAttribute("aria-label", "Chapters");
  button.setAttribute("aria-controls", label.getAttribute("aria-controls"));
  button.append(...label.childNodes);
  button.addEventListener("click", () => label.click());
  box.addEventListener("change", told);
  label.hidden = true;
  label.after(button);
  told();
})();
