// The words of a linked term, which its title shows under the mouse, for keyboard and touch: on focus,
// or at a first tap; the second tap follows the link. Escape, or a tap elsewhere, hides them.
"use strict";

(() => {
  const tip = document.createElement("span");
  tip.className = "term-tip";
  tip.setAttribute("aria-hidden", "true"); // a screen reader has said the title
  tip.hidden = true;
  document.body.append(tip);
  let term = null, touched = false;

  function hide() {
    tip.hidden = true;
    term = null;
  }

  function show(link) {
    term = link;
    tip.textContent = link.title;
    tip.hidden = false;
    const { left, bottom } = link.getBoundingClientRect();
    const most = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(left, most))}px`;
    tip.style.top = `${bottom + scrollY + 4}px`;
  }

  addEventListener("pointerdown", ({ pointerType, target }) => {
    touched = pointerType === "touch";
    if (term && !term.contains(target)) hide();
  }, true);
  addEventListener("keydown", ({ key }) => {
    touched = false;
    if (key === "Escape") hide();
  }, true);
  addEventListener("resize", hide);
  for (const link of document.querySelectorAll('main a[title][href^="glossary.html#"]')) {
    link.addEventListener("focus", () => { if (!touched) show(link); });
    link.addEventListener("blur", hide);
    link.addEventListener("click", (event) => {
      if (!touched || term === link) return;
      event.preventDefault();
      show(link);
    });
  }
})();
