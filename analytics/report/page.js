"use strict";
// Draws the page's charts from the data in it. A chart is a Vega-Lite specification, or the sentence that says why
// there is none.
(() => {
  const page = JSON.parse(document.getElementById("page").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const which = document.getElementById("which");
  const drawn = new Map(); // by the element that holds it: a chart, and the number of the attempt
  const MOST_SHAPES = 9000; // beyond that a canvas is quicker than as many elements

  // Rows of columns that stand one after another: a name is written once, not with each row.
  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    const count = names.length ? columns[names[0]].length : 0;
    return Array.from({ length: count }, (_, at) => Object.fromEntries(names.map((name) => [name, columns[name][at]])));
  };

  const said = (element, sentence) => {
    const told = document.createElement("p");
    told.className = "none";
    told.textContent = sentence;
    element.replaceChildren(told);
  };

  const draw = async (element, chart) => {
    const before = drawn.get(element);
    const attempt = { number: (before?.number ?? 0) + 1 };
    drawn.set(element, attempt);
    before?.view?.finalize();
    if (typeof chart === "string") return said(element, chart);
    const rows = Object.entries(chart.datasets).map(([name, columns]) => [name, rowsOf(columns)]);
    const shapes = rows.reduce((sum, [, these]) => sum + these.length, 0);
    const config = page.themes[dark.matches ? "dark" : "light"];
    const spec = { ...chart, datasets: Object.fromEntries(rows), config };
    try {
      // `ast`: expressions are interpreted, so that the page's policy can forbid to run text as code.
      const renderer = shapes > MOST_SHAPES ? "canvas" : "svg";
      const result = await vegaEmbed(element, spec, { actions: false, ast: true, renderer });
      if (drawn.get(element) === attempt) attempt.view = result;
      else result.finalize();
    } catch (error) {
      console.error(error);
      said(element, `This chart could not be drawn: ${error.message}`);
    }
  };

  const holder = (figure) => figure.querySelector(".chart");

  const drawMaps = () =>
    Array.from(document.querySelectorAll("[data-chart]"), (figure) =>
      draw(holder(figure), page.charts[figure.dataset.chart]));

  const drawMarket = () => {
    const market = page.markets[which.selectedIndex];
    document.getElementById("tiles").replaceChildren(...market.tiles.map(([name, value]) => {
      const tile = document.createElement("div");
      for (const [tag, text] of [["dt", name], ["dd", value]]) {
        tile.appendChild(document.createElement(tag)).textContent = text;
      }
      return tile;
    }));
    return Array.from(document.querySelectorAll("[data-of-market]"), (figure) =>
      draw(holder(figure), market.charts[figure.dataset.ofMarket]));
  };

  const drawAll = () => Promise.all([...drawMaps(), ...drawMarket()]);

  which.addEventListener("change", drawMarket);
  dark.addEventListener("change", drawAll);
  drawAll().then(() => {
    document.documentElement.dataset.drawn = "all";
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView(); // charts have moved it
  });
})();
