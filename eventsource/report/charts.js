// Charts by Vega: drawn without eval, in the colours of the style sheet, which follow the reader's setting; print is light.
(() => {
  const ink = {
    axis: { labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--rule)", tickColor: "var(--rule)" },
    legend: { labelColor: "var(--ink)", titleColor: "var(--soft)" },
    title: { color: "var(--ink)" },
    text: { color: "var(--ink)" },
  };
  eventsource.drawChart = (place, spec) => {
    const palette = spec.config && spec.config.range && spec.config.range.category;
    // One series has the first colour, which would be dim on dark paper.
    for (const { encoding } of palette ? spec.layer || [spec] : []) {
      if (encoding && encoding.color && encoding.color.value === palette[0]) encoding.color = { value: "var(--series-0)" };
    }
    if (palette) spec.config.range.category = palette.map((_, n) => `var(--series-${n})`);
    return window.vegaEmbed(place, spec, {
      actions: false, ast: true, renderer: "svg", defaultStyle: false, config: ink,
      tooltip: { disableDefaultStyle: true }, logLevel: 1,
    });
  };
})();
