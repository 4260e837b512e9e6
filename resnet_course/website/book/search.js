// mdBook's search knows only words in Latin letters: its index drops all others. The texts lie beside
// the index, so words such as 잔차 and 残差 are looked up in these, in titles first. What mdBook does
// find is put in order: a heading that has all words comes before all else.
"use strict";

(() => {
  const index = window.elasticlunr?.Index.prototype;
  if (!index) return;
  const search = index.search;

  function searchTexts(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const count = (text) => {
      const found = words.map((word) => text.toLowerCase().split(word).length - 1);
      return found.includes(0) ? 0 : found.reduce((sum, each) => sum + each);
    };
    return Object.entries(this.documentStore.docs)
      .map(([ref, doc]) => ({ ref, doc, score: 100 * count(doc.title) + count(`${doc.title} ${doc.body}`) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score);
  }

  index.search = function (query, ...more) {
    if (/[^\0-\u024f\u2000-\u2bff]/.test(query)) return searchTexts.call(this, query);
    const stems = (text) => this.pipeline.run(window.elasticlunr.tokenizer(text));
    const asked = stems(query);
    const inTitle = ({ doc }) => {
      const own = stems(doc.title);
      return asked.every((stem) => own.some((each) => each.startsWith(stem)));
    };
    const found = search.call(this, query, ...more);
    return [...found.filter(inTitle), ...found.filter((each) => !inTitle(each))];
  };
})();
