// Charts and tables of the states at the chosen moments, which were drawn in Python for each pair of stops.
if (eventsource.board) (() => {
  const { element, json } = eventsource;
  const board = eventsource.board, { data, chosen } = board;
  const HIDDEN = "|";
  const nothing = () => element("p", { class: "soft" }, `There are no ${data.noun[1]} at this moment.`);
  const heads = (names) => element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name.replace(/_/g, " "))));
  const cells = (row) => element("tr", {}, ...row.map((value) => element("td", {}, value)));
  const text = (value) => (value === null || value === undefined ? "–" : String(value));

  const rowsOf = (spec) => {
    const rows = (spec.data && spec.data.values) || Object.values(spec.datasets || {})[0] || [];
    return Array.isArray(rows) ? rows.slice(0, 200) : [];
  };
  const drawData = (place, spec) => {
    const table = place.parentElement.querySelector("table"), rows = spec ? rowsOf(spec) : [];
    const names = rows.length ? Object.keys(rows[0]).filter((name) => !name.startsWith(HIDDEN)) : [];
    table.tHead.replaceChildren(heads(names));
    table.tBodies[0].replaceChildren(...rows.map((row) => cells(names.map((name) => text(row[name])))));
  };
  // What a name in the compact charts stands for, see _compact.py; each time a new value, which the drawing may change.
  const whole = (charts, value) => {
    if (typeof value !== "string") return value;
    const number = Number(value.slice(1)), each = (values) => values.map((inner) => whole(charts, inner));
    const named = (names, values) => Object.fromEntries(names.map((name, n) => [name, values[n]]));
    if (value[0] === "t") return charts.text[number];
    if (value[0] === "l") return each(charts.list[number]);
    const [shape, ...values] = charts[value[0] === "o" ? "object" : "rows"][number];
    if (value[0] === "o") return named(charts.names[shape], each(values));
    const columns = each(values);
    return columns[0].map((_, n) => named(charts.names[shape], columns.map((column) => column[n])));
  };
  // Drawing takes longer than a step of the slider: while one is under way, only the newest of those that follow counts.
  const chart = (place, part) => {
    let drawn = -1, wanted = -1, isDrawing = false;
    const draw = async () => {
      if (isDrawing) return;
      isDrawing = true;
      while (drawn !== wanted) {
        const number = wanted, own = whole(part.specs, part.specs.values[number]);
        const spec = own && { ...structuredClone(part.shared), ...own };
        if (spec) delete spec.title;
        drawData(place, spec);
        place.setAttribute("aria-label", (spec && spec.description) || part.title);
        if (spec) await eventsource.drawChart(place, spec); else place.replaceChildren(nothing());
        drawn = number;
        place.dataset.drawn = String(number);
      }
      isDrawing = false;
    };
    return () => { wanted = part.numbers[chosen.k][chosen.t]; draw(); };
  };
  const table = (place, part) => {
    const state = { sort: -1, descending: false, query: "", page: 0 };
    let drawn = -1;
    return () => {
      const number = part.numbers[chosen.k][chosen.t];
      if (number === drawn) return;
      drawn = number;
      const rows = part.tables[number];
      if (rows === null) { place.replaceChildren(nothing()); return; }
      const made = element("table", { "data-live": true }, element("thead", {}, heads(part.columns)), element("tbody", {}, ...rows.map(cells)));
      const wide = element("div", { class: "wide", role: "region", tabindex: "0", "aria-label": part.title }, made);
      place.replaceChildren(wide);
      eventsource.improve(made, wide, state);
    };
  };
  for (const place of document.querySelectorAll("[data-follows]")) {
    const part = json("part-" + place.dataset.board);
    board.followers.push((place.dataset.follows === "chart" ? chart : table)(place, part));
  }
})();
