// Answers wait until the reader has predicted: what stands in <details class="answer" open> is folded
// here, and opened by a click on its summary, or all at once by the switch at the top. What was opened,
// and which chapters are finished, is kept in this browser. Without this script, and in print, all is open.
"use strict";

(() => {
  const NAME = "resnet-course-reader";
  const bare = (path) => path.split(/[/#?]/).filter(Boolean).pop()?.replace(/\.html$/, "") ?? "";
  const page = `${bare(location.pathname)}.html`; // some servers leave out ".html"
  const answers = [...document.querySelectorAll("details.answer")];

  let memory = { opened: [], finished: [], all: false }; // of this page, where the browser keeps nothing

  function remembered() {
    try {
      memory = { ...memory, ...JSON.parse(localStorage.getItem(NAME)) };
    } catch { /* a browser that keeps nothing, or something else there */ }
    return memory;
  }

  function remember(change) {
    change(remembered());
    try {
      localStorage.setItem(NAME, JSON.stringify(memory));
    } catch { /* the page works all the same */ }
  }

  const keep = (list, name, there) => [...list.filter((each) => each !== name), ...(there ? [name] : [])];

  function box(words, checked, changed) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "checkbox";
    input.checked = checked;
    input.addEventListener("change", () => changed(input.checked));
    label.append(input, ` ${words}`);
    return label;
  }

  function foldAll() {
    const { opened, all } = remembered();
    for (const answer of answers) answer.open = all || opened.includes(answer.dataset.key);
  }

  for (const answer of answers) {
    const summary = answer.querySelector("summary"), what = summary.textContent;
    const say = () => { summary.textContent = `${answer.open ? "Hide" : "Show"} ${what}`; };
    answer.addEventListener("toggle", say);
    summary.addEventListener("click", () => { // before the change
      const open = !answer.open;
      remember((memory) => { memory.opened = keep(memory.opened, answer.dataset.key, open); });
    });
    say();
  }
  if (answers.length) {
    foldAll();
    document.querySelector(".chapter-tools")?.append(" ",
      box("show all answers", remembered().all, (all) => {
        remember((memory) => { memory.all = all; });
        foldAll();
      }));
    addEventListener("beforeprint", () => answers.forEach((answer) => { answer.open = true; }));
    addEventListener("afterprint", foldAll);
  }

  function mark() {
    const { finished } = remembered();
    for (const link of document.querySelectorAll(".sidebar a[href]")) {
      link.classList.toggle("finished", finished.includes(`${bare(link.getAttribute("href"))}.html`));
    }
  }

  const main = document.querySelector("main");
  if (main && page !== "print.html" && document.querySelector(".chapter-tools")) {
    const end = document.createElement("p");
    end.className = "chapter-end";
    end.append(box("I have finished this chapter", remembered().finished.includes(page), (done) => {
      remember((memory) => { memory.finished = keep(memory.finished, page, done); });
      mark();
    }));
    main.append(end);
  }
  addEventListener("load", mark); // the list of chapters is made by a script of mdBook's
  addEventListener("storage", mark);
})();
