// Touch and keys of the explorer: the strip under a pointer, a finger or the arrow keys.

// `view` is the explorer as it is now: its elements, what is shown, and what one can do with it.
function touchStrip(view) {
  const { root, strip, tip, close, bars, step, go, toggle, zoomTo, start, halt } = view;

  // A deck of slides scales its pages; the pointer is told in pixels of the screen.
  const scaled = () => strip.getBoundingClientRect().width / strip.offsetWidth || 1;
  const inStrip = (event) => (event.clientX - strip.getBoundingClientRect().left) / scaled();

  function nodeUnder(event) {
    const touched = event.target.closest?.("[data-layer]");
    if (!touched) return undefined;
    const { node, row, layer } = touched.dataset;
    if (row !== undefined) return { node: findNode(view.network, layer, Number(row)), touched };
    if (node !== undefined) {
      const own = view.layout.nodes[node];
      return own.isInput || own.isOutput ? { own, touched } : { node: findNode(view.network, own.name, own.last), own, touched };
    }
    return { node: findNode(view.network, layer, view.at.last), touched };
  }

  const pointers = new Map();
  let spread = null;
  let dragged = false;
  let pressed = 0; // where the pointer went down

  const press = (event) => {
    const found = nodeUnder(event);
    if (found?.node) { halt(); go(found.node); }
  };
  strip.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    dragged = false;
    pressed = event.clientX;
    if (event.button) return;
    if (pointers.size === 2) spread = { from: distance(), zoom: view.zoom };
    if (event.pointerType !== "touch") press(event);
  });
  strip.addEventListener("pointermove", (event) => {
    if (pointers.has(event.pointerId)) {
      pointers.set(event.pointerId, event);
      if (spread && pointers.size === 2) return zoomTo(spread.zoom * distance() / spread.from);
      if (!event.buttons) return pointers.clear();
      // Drag along the strip: the bar above or below the pointer.
      const x = inStrip(event) + strip.scrollLeft;
      const near = view.layout.nodes.filter((node) => node.lane === 0 && !node.isInput && !node.isOutput)
        .reduce((best, node) => (!best || Math.abs(node.x - x) < Math.abs(best.x - x) ? node : best), undefined);
      if (near && !(near.first <= view.at.first && view.at.last <= near.last) && (dragged || Math.abs(event.clientX - pressed) > 5)) {
        dragged = true;
        go(findNode(view.network, near.name, near.last));
      }
    }
    showTip(event);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    strip.addEventListener(end, (event) => {
      // A finger that scrolls the page over the strip ends in pointercancel, and changes nothing.
      if (end === "pointerup" && event.pointerType === "touch" && !dragged && !spread && pointers.has(event.pointerId)) press(event);
      // After a pinch, the finger that stays neither drags nor presses.
      if (spread) pointers.clear();
      else pointers.delete(event.pointerId);
      spread = null;
    });
  }
  strip.addEventListener("pointerleave", () => { tip.hidden = true; });
  strip.addEventListener("dblclick", (event) => { const found = nodeUnder(event); if (found?.node && !found.node.isRow) toggle(found.node); });
  strip.addEventListener("wheel", (event) => {
    // The page must stay scrollable: the wheel zooms with Ctrl, or where the strip was touched before.
    if (!event.ctrlKey && document.activeElement !== strip) return;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return; // sideways: the strip scrolls
    if (view.zoom === 1 && (event.deltaY > 0 || view.layout.zoomable < 1.2)) return;
    event.preventDefault();
    zoomTo(view.zoom * 2 ** (-event.deltaY / 300), inStrip(event));
  }, { passive: false });
  const distance = () => {
    const [a, b] = [...pointers.values()];
    return Math.max(10, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
  };

  function showTip(event) {
    const found = nodeUnder(event);
    tip.hidden = !found || event.pointerType === "touch"; // a finger hides what is below it
    if (tip.hidden) return;
    const node = found.node ?? found.own;
    const isShortcut = found.touched.dataset.kind === "shortcut";
    const lines = [node.isInput || node.isOutput ? `${node.name}: ${by(node.out)}` : node.kind === "error" || node.kind === "unused" ? "" : `${by(node.in)} → ${by(node.out)}`].filter(Boolean);
    const params = node.facts?.find(([what]) => what === "parameters");
    if (params && params[1] !== "0") lines.push(`${params[1]} parameters`);
    if (isShortcut) lines.push("here the shortcut is added");
    tip.replaceChildren(make("strong", {}, node.name), make("span", {}, node.label ?? ""), ...lines.map((line) => make("span", {}, line)));
    const wide = strip.clientWidth;
    tip.style.left = `${clamp(inStrip(event), 90, Math.max(wide - 90, 90))}px`;
    tip.style.top = `${(event.clientY - strip.getBoundingClientRect().top) / scaled() + 18}px`;
  }

  close.addEventListener("click", (event) => {
    const touched = event.target.closest(".part[data-layer]");
    if (touched) { halt(); go(findNode(view.network, touched.dataset.layer, Number(touched.dataset.row))); }
  });

  const KEYS = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    Home: () => go(bars()[0]),
    End: () => go(bars().at(-1)),
    ArrowDown: () => (view.at.isRow || view.isOpen(view.at) ? step(1) : toggle(view.at)),
    ArrowUp: () => { const outer = around(view.network, view.at).at(-1); if (!outer) return; if (view.isOpen(outer)) toggle(view.at.isRow ? view.at : outer); else go(outer); },
    Enter: () => { if (!view.at.isRow) toggle(view.at); },
    "+": () => zoomTo(view.zoom * 1.6),
    "-": () => zoomTo(view.zoom / 1.6),
    " ": () => (view.isPlaying ? halt() : start()),
  };
  strip.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || isForPage(event)) return;
    event.preventDefault();
    if (event.key !== " ") halt();
    KEYS[event.key]();
  });
  // The page around has keys of its own: slides and mdBook turn pages, JupyterLab leaves the cell.
  // Page Down, Page Up, Escape, Ctrl + S and the like stay theirs.
  root.addEventListener("keydown", (event) => {
    if (isForPage(event)) return;
    if (KEYS[event.key] || event.target.closest("select, button")) event.stopPropagation();
  });
}
