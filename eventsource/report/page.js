"use strict";
(() => {
  const { json } = eventsource;
  const draw = async () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      await eventsource.drawChart(place, json("chart-" + place.dataset.chart));
    }
    document.documentElement.dataset.drawn = "yes";
  };
  document.getElementById("made-of").textContent = JSON.stringify(json("manifest"), null, 2);
  if (document.querySelector("[data-chart]")) draw();
})();
