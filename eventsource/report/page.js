"use strict";
(() => {
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ink = (on) => ({
    axis: { labelColor: on ? "#9aa4ae" : "#5d6670", titleColor: on ? "#9aa4ae" : "#5d6670",
            gridColor: on ? "#4a5159" : "#dfe3e8", tickColor: on ? "#4a5159" : "#dfe3e8" },
    legend: { labelColor: on ? "#e6e8eb" : "#1c1f23", titleColor: on ? "#9aa4ae" : "#5d6670" },
    title: { color: on ? "#e6e8eb" : "#1c1f23" },
  });
  const draw = async () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const spec = json("chart-" + place.dataset.chart);
      await window.vegaEmbed(place, spec, {
        actions: false, ast: true, renderer: "svg", defaultStyle: false, config: ink(dark.matches),
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
  window.addEventListener("beforeprint", () => {
    for (const closed of document.querySelectorAll("main details")) closed.open = true;
  });
  if (document.querySelector("[data-chart]")) {
    draw();
    dark.addEventListener("change", draw);
  }
})();
