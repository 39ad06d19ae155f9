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
  document.getElementById("made-of").textContent = JSON.stringify(json("manifest"), null, 2);
  if (document.querySelector("[data-chart]")) draw();
})();
