"use strict";
(() => {
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  // Colours are variables of the style sheet: they follow the reader's setting, and print is light.
  const ink = {
    axis: { labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--rule)", tickColor: "var(--rule)" },
    legend: { labelColor: "var(--ink)", titleColor: "var(--soft)" },
    title: { color: "var(--ink)" },
    text: { color: "var(--ink)" },
  };
  const draw = async () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const spec = json("chart-" + place.dataset.chart);
      const palette = spec.config && spec.config.range && spec.config.range.category;
      if (palette) spec.config.range.category = palette.map((_, n) => `var(--series-${n})`);
      await window.vegaEmbed(place, spec, {
        actions: false, ast: true, renderer: "svg", defaultStyle: false, config: ink,
        tooltip: { disableDefaultStyle: true }, logLevel: 1,
      });
    }
    document.documentElement.dataset.drawn = "yes";
  };
  // Align numbers to the right, and mark nulls so that they differ from texts.
  for (const row of document.querySelectorAll("td")) {
    const text = row.textContent.trim();
    if (/^[-−]?[\d,]*\.?\d+(e[-+]?\d+)?%?$/i.test(text)) row.classList.add("number");
    if (text.length <= 24) row.classList.add("short");
    if (text === "null" || text === "–" || text === "None") row.classList.add("null");
  }
  for (const table of document.querySelectorAll("table")) {
    const first = table.tBodies.length ? table.tBodies[0].rows[0] : null;
    const heads = table.tHead ? [...table.tHead.rows] : [];
    if (first) for (const head of heads) [...first.cells].forEach((cell, n) => {
      if (cell.classList.contains("number") && head.cells[n]) head.cells[n].classList.add("number");
    });
  }
  document.getElementById("made-of").textContent = JSON.stringify(json("manifest"), null, 2);
  if (document.querySelector("[data-chart]")) draw();
})();
