// Cards, lines and bars of a board.
if (eventsource.board) (() => {
  const { shown, signed, stop, shortDay, element, json, MONTHS } = eventsource;
  const board = eventsource.board, { data, chosen, last } = board;
  const stops = data.moments.stops;
  const figures = data.figures;
  const part = (place) => json("part-" + place.dataset.board);
  const DAY = 86400e6;

  // ---- cards -------------------------------------------------------------------------------------------------
  const spark = (name) => {
    const points = [];
    for (let t = 0; t < stops; t++) {
      const value = board.at(name, t);
      const isKnown = data.moments.instants[t] <= data.known.instants[chosen.k] || t === chosen.t;
      if (typeof value === "number" && isKnown) points.push([data.moments.instants[t], value, t]);
    }
    const svg = element("svg:svg", { class: "spark", viewBox: "0 0 100 28", preserveAspectRatio: "none", "aria-hidden": "true" });
    if (points.length < 2) return svg;
    const lows = points.map((point) => point[1]);
    const low = Math.min(...lows), high = Math.max(...lows);
    const from = data.moments.instants[0], to = data.moments.instants[stops - 1];
    const x = (instant) => 2 + 96 * (instant - from) / (to - from);
    const y = (value) => 25 - 22 * (high > low ? (value - low) / (high - low) : 0.5);
    const path = points.map(([instant, value], n) => `${n ? "L" : "M"}${x(instant).toFixed(2)} ${y(value).toFixed(2)}`).join("");
    svg.append(element("svg:path", { d: `${path}L${x(points.at(-1)[0])} 28L${x(points[0][0])} 28Z`, class: "area" }));
    svg.append(element("svg:path", { d: path, class: "line" }));
    const mark = points.find((point) => point[2] === chosen.t);
    if (mark) {
      svg.append(element("svg:path", { d: `M${x(mark[0])} 0V28`, class: "mark" }));
      svg.append(element("svg:path", { d: `M${x(mark[0])} ${y(mark[1])}h0`, class: "dot" }));
    }
    return svg;
  };
  const laterText = (name) => {
    const difference = board.figure(name, "later");
    if (!difference) return "";
    const { form, label } = figures[name];
    const noun = (!form || form === "count") && Math.abs(difference) !== 1 ? " " + label.toLowerCase() : "";
    return `${signed(difference, form)}${noun} came in later`;
  };
  const changeText = (name) => {
    const change = board.figure(name, "change");
    if (change === null) return "";
    const since = ` since ${board.shortMoment("before")}`;
    return change === 0 ? "unchanged" + since : signed(change, figures[name].form) + since;
  };
  const drawCard = (card) => {
    const name = card.dataset.figure, later = laterText(name);
    card.querySelector(".change").textContent = changeText(name);
    const change = board.figure(name, "change");
    card.querySelector(".change").dataset.way = !change ? "" : change > 0 ? "up" : "down";
    card.querySelector(".later").textContent = later;
    card.classList.toggle("differs", later !== "");
    const now = card.querySelector(".now");
    now.textContent = chosen.difference && later ? `→ ${shown(board.at(name, chosen.t, last), figures[name].form)} now` : "";
    card.querySelector(".spark").replaceWith(spark(name));
  };

  // ---- lines -------------------------------------------------------------------------------------------------
  const nice = (high) => {
    const step = 10 ** Math.floor(Math.log10(high / 4 || 1));
    const found = [1, 2, 2.5, 5, 10].map((factor) => factor * step).find((size) => high / size <= 5) || step;
    return found;
  };
  const ticksOfTime = (from, to, width) => {
    const months = Math.max(1, (to - from) / DAY / 30.4), wanted = Math.max(2, Math.floor(width / 70));
    const step = [1, 2, 3, 6, 12, 24, 60].find((size) => months / size <= wanted) || 120;
    const ticks = [], start = new Date(from / 1000);
    let month = start.getUTCFullYear() * 12 + start.getUTCMonth() + 1;
    for (month = Math.ceil(month / step) * step; ; month += step) {
      const instant = Date.UTC(Math.floor(month / 12), month % 12) * 1000;
      if (instant > to) return ticks;
      const name = MONTHS[month % 12].slice(0, 3), year = Math.floor(month / 12);
      ticks.push([instant, month % 12 === 0 || !ticks.length ? `${name} ${year}` : name]);
    }
  };
  const drawTrend = (place) => {
    const { figures: names } = part(place), form = figures[names[0]].form;
    const width = Math.max(280, place.clientWidth), height = 250, left = 46, right = 96, top = 14, bottom = 26;
    const instants = data.moments.instants, from = instants[0], to = instants[stops - 1];
    const known = data.known.instants[chosen.k];
    const reach = (name, k) => Array.from({ length: stops }, (_, t) => [t, board.at(name, t, k)])
      .filter(([t, value]) => typeof value === "number" && (instants[t] <= data.known.instants[k] || t === 0));
    const high = Math.max(1e-9, ...names.flatMap((name) => figures[name].values[last].slice(0, stops)
      .concat(figures[name].values[chosen.k].slice(0, stops)).filter((value) => typeof value === "number")));
    const step = nice(high), ceiling = Math.ceil(high / step) * step;
    const x = (instant) => left + (width - left - right) * (instant - from) / (to - from || 1);
    const y = (value) => height - bottom - (height - top - bottom) * value / ceiling;
    const svg = element("svg:svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "trend" });
    svg.append(element("svg:title", {}, names.map((name) => {
      const line = reach(name, chosen.k);
      return line.length ? `${figures[name].label} from ${shown(line[0][1], form)} to ${shown(line.at(-1)[1], form)}` : "";
    }).join("; ")));
    for (let value = 0; value <= ceiling + step / 2; value += step) {
      svg.append(element("svg:path", { d: `M${left} ${y(value)}H${width - right}`, class: value ? "grid" : "base" }));
      svg.append(element("svg:text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, shown(value, form)));
    }
    for (const [instant, label] of ticksOfTime(from, to, width - left - right)) {
      svg.append(element("svg:path", { d: `M${x(instant)} ${height - bottom}v4`, class: "base" }));
      svg.append(element("svg:text", { x: x(instant), y: height - 8, "text-anchor": "middle" }, label));
    }
    const here = x(instants[chosen.t]);
    svg.append(element("svg:path", { d: `M${here} ${top - 8}V${height - bottom}`, class: "mark" }));
    if (known < to) {
      svg.append(element("svg:rect", { x: x(Math.max(known, from)), y: top - 8, height: height - bottom - top + 8,
        width: Math.max(0, x(to) - x(Math.max(known, from))), class: "unknown" }));
    }
    const line = (points) => points.map(([t, value], n) => `${n ? "L" : "M"}${x(instants[t]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const ends = [];
    names.forEach((name, n) => {
      const points = reach(name, chosen.k);
      if (chosen.difference && chosen.k < last) {
        svg.append(element("svg:path", { d: line(reach(name, last)), class: `line now series-${n}` }));
      }
      svg.append(element("svg:path", { d: line(points), class: `line series-${n}` }));
      const value = board.at(name);
      if (typeof value === "number") {
        svg.append(element("svg:circle", { cx: here, cy: y(value), r: 4.5, class: `point series-${n}` }));
      }
      const named = chosen.difference ? reach(name, last) : points;  // beside the line that is longer
      if (named.length) ends.push([n, name, named.at(-1), y(named.at(-1)[1])]);
    });
    ends.sort((a, b) => a[3] - b[3]);
    ends.forEach((end, n) => {
      const free = n ? Math.max(end[3], ends[n - 1][3] + 15) : end[3];
      end[3] = free;
      svg.append(element("svg:text", { x: x(instants[end[2][0]]) + 7, y: free + 4, class: `end series-${end[0]}` }, figures[end[1]].label));
    });
    place.replaceChildren(svg);
    const rows = Array.from({ length: stops }, (_, t) => element("tr", { class: t === chosen.t ? "chosen" : null },
      element("th", { scope: "row" }, stop(data.moments.moments[t])),
      ...names.map((name) => element("td", { class: "number" }, shown(board.at(name, t), figures[name].form)))));
    place.parentElement.querySelector("tbody").replaceChildren(...rows);
  };

  // ---- bars --------------------------------------------------------------------------------------------------
  const drawBars = (place) => {
    const { figures: [name], of, groups, values } = part(place), form = figures[name].form;
    const cell = (figure, group, k = chosen.k) => values[figure][k][chosen.t][group];
    const all = values[name].flat(2).filter((value) => typeof value === "number");
    const high = form === "share" ? 1 : all.reduce((most, value) => Math.max(most, value), 0) || 1;
    const rows = groups.map((group, n) => [group, cell(name, n), of ? cell(of, n) : null, cell(name, n, last)])
      .filter((row) => row[1] !== null || (chosen.difference && row[3] !== null))
      .sort((a, b) => (a[0] === "other") - (b[0] === "other") || (b[1] || 0) - (a[1] || 0) || (a[0] < b[0] ? -1 : 1));
    place.querySelector("tbody").replaceChildren(...rows.map(([group, value, n, now]) => element("tr", {},
      element("th", { scope: "row" }, group),
      element("td", { class: "bar" }, element("svg:svg", { width: "100%", height: 16, "aria-hidden": "true" },
        element("svg:rect", { width: "100%", height: 16, class: "track" }),
        element("svg:rect", { width: `${Math.max(0, 100 * (value || 0) / high)}%`, height: 16, class: "fill" }))),
      element("td", { class: "number" }, shown(value, form),
        chosen.difference && now !== value ? element("small", { class: "now" }, ` → ${shown(now, form)}`) : null),
      of ? element("td", { class: "number soft" }, n === null ? "–" : `n = ${shown(n, "count")}`) : null)));
  };

  for (const card of document.querySelectorAll(".card[data-figure]")) board.followers.push(() => drawCard(card));
  for (const place of document.querySelectorAll("[data-trend]")) {
    board.followers.push(() => drawTrend(place));
    new ResizeObserver(() => { if (place.clientWidth !== place.drawnWidth) { place.drawnWidth = place.clientWidth; drawTrend(place); } }).observe(place);
  }
  for (const place of document.querySelectorAll("[data-bars]")) board.followers.push(() => drawBars(place));
})();
