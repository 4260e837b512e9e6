// For those who read with a keyboard, a screen reader or a narrow screen: a link past the menus, and
// boxes that say that they scroll. Without this script the browser alone makes them scroll.
"use strict";

(() => {
  const main = document.querySelector("main");
  const skip = document.createElement("a");
  main.id ||= "main-text";
  main.tabIndex = -1;
  skip.className = "skip-link";
  skip.href = `#${main.id}`;
  skip.textContent = "Skip to the text";
  document.body.prepend(skip);

  const KINDS = {
    "pre > code": "code", ".table-wrapper, .output-html:has(table)": "table", "p:has(> math[display=block])": "formula",
    "pre:not(:has(> code)), .output-html": "output",
  };
  const boxes = main.querySelectorAll(Object.keys(KINDS));
  const kind = (box) => KINDS[Object.keys(KINDS).find((each) => box.matches(each))];

  function look(box) {
    const hidden = box.scrollWidth - box.clientWidth, scrolls = hidden > 0;
    box.classList.toggle("more-left", scrolls && box.scrollLeft > 1);
    box.classList.toggle("more-right", box.scrollLeft < hidden - 1);
    if (scrolls === box.hasAttribute("tabindex")) return;
    const told = { tabindex: "0", role: "group", "aria-label": `${kind(box)}, scrolls sideways` };
    for (const [name, value] of Object.entries(told)) {
      if (scrolls) box.setAttribute(name, value); else box.removeAttribute(name);
    }
  }

  const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => look(target)));
  for (const box of boxes) {
    box.removeAttribute("tabindex"); // some have it for those without this script
    watcher.observe(box);
    box.addEventListener("scroll", () => look(box), { passive: true });
    box.addEventListener("keydown", (event) => { // elsewhere mdBook turns the page with these keys
      if (box.tabIndex === 0 && /^Arrow(Left|Right)$/.test(event.key)) event.stopPropagation();
    });
  }
})();
