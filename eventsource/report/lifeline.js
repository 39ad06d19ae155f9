// The life line of an entity: a lane per field on one axis of time, open intervals that fade, late events with an arc.
eventsource.lifeLine = (lives, entity, width) => {
  const { shown, shortDay, day, words, element, MONTHS, lasted } = eventsource;
  const board = eventsource.board, { data, chosen, last } = board;
  const k = chosen.k, DAY = 86400e6;
  const isNarrow = width < 560;
  // The name is above the line already; it gets a lane where it changed.
  const isShown = (field) => field !== lives.nameField || field.start[entity + 1] - field.start[entity] > 1;
  const lanes = lives.fields.filter((field) => field.kind !== "number" && isShown(field));
  const left = isNarrow ? 0 : 108, right = 52, laneHeight = isNarrow ? 46 : 34, bar = 22, top = 24;
  const numbers = lives.eventsOf(entity), spans = lives.spans(entity, k);
  const starts = lives.spans(entity, last).concat(spans).map((span) => span[0]);
  const end = Math.max(data.known.instants[last], data.moments.instants[chosen.t]);
  const begin = Math.min(...starts, data.moments.instants[chosen.t], ...(starts.length ? [] : [end - 30 * DAY]));
  const from = begin - (end - begin) * 0.02, to = end;
  const x = (instant) => left + (width - left - right) * (Math.min(Math.max(instant, from), to) - from) / (to - from || 1);
  const eventsTop = top + lanes.length * laneHeight, height = eventsTop + 62;
  const name = `Life of ${lives.entities[entity]} as known on ${board.moment("known_at")}: `;
  const told = [], known = data.known.instants[k];
  const svg = element("svg:svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "lifeline", role: "img" });
  const fade = element("svg:linearGradient", { id: "fade" }, element("svg:stop", { offset: "0%", class: "solid" }),
    element("svg:stop", { offset: "100%", class: "clear" }));
  svg.append(element("svg:defs", {}, fade));
  // time
  const months = (to - from) / DAY / 30.4, wanted = Math.max(2, Math.floor((width - left - right) / 64));
  const step = [1, 2, 3, 6, 12, 24].find((size) => months / size <= wanted) || 60;
  const first = new Date(from / 1000), base = height - 22;
  for (let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth() + 1) / step) * step, isFirst = true; ; month += step) {
    const instant = Date.UTC(Math.floor(month / 12), month % 12) * 1000;
    if (instant > to) break;
    svg.append(element("svg:path", { d: `M${x(instant)} ${top}V${base}`, class: "grid" }));
    svg.append(element("svg:text", { x: x(instant), y: height - 6, "text-anchor": "middle" },
      month % 12 === 0 || isFirst ? `${MONTHS[month % 12].slice(0, 3)} ${Math.floor(month / 12)}` : MONTHS[month % 12].slice(0, 3)));
    isFirst = false;
  }
  // what is not known yet
  if (known < to) {
    svg.append(element("svg:rect", { x: x(known), y: top - 4, width: Math.max(0, x(to) - x(known)), height: base - top + 4, class: "unknown" },
      element("svg:title", {}, `not known yet on ${board.moment("known_at")}`)));
  }
  // lanes
  lanes.forEach((field, lane) => {
    const y = top + lane * laneHeight + (isNarrow ? 18 : 4);
    svg.append(element("svg:text", { x: isNarrow ? 0 : left - 10, y: isNarrow ? y - 5 : y + 15, "text-anchor": isNarrow ? "start" : "end", class: "lane" }, field.label));
    const rows = [];
    for (let n = field.start[entity]; n < field.start[entity + 1]; n++) if (field.isKnown(n, k)) rows.push(n);
    let shade = 0;
    const parts = [];
    for (const [begins, ends] of spans) {
      const inside = rows.filter((n) => field.from[n] >= begins && field.from[n] < ends);
      const edges = inside.map((n) => [field.from[n], field.valueOf(n)]);
      if (!edges.length || edges[0][0] > begins) edges.unshift([begins, field.default]);
      edges.forEach(([start, value], n) => parts.push([start, n + 1 < edges.length ? edges[n + 1][0] : ends, value]));
    }
    for (const [start, ends, value] of parts) {
      if (value === null) continue;
      const isOpen = ends === Infinity, a = x(start), b = x(isOpen ? Math.max(known, start) : ends);
      const kind = field.kind === "flag" ? (value ? "yes" : "no") : shade++ % 2 ? "odd" : "even";
      const label = shown(value, field.form);
      told.push(`${field.label} ${label} from ${shortDay(start)} ${isOpen ? "on" : `to ${shortDay(ends)}`}`);
      const group = element("svg:g", { class: `span ${kind}` },
        element("svg:title", {}, `${field.label}: ${label}, ${day(start)} ${isOpen ? "until now" : `to ${day(ends)}`}`),
        element("svg:rect", { x: a, y, width: Math.max(1.5, b - a - 1), height: bar, rx: 2 }));
      if (isOpen) {
        group.append(element("svg:rect", { x: b - 1, y, width: 46, height: bar, class: "open", fill: "url(#fade)" }));
        group.append(element("svg:text", { x: b + 5, y: y + 15, class: "still-word" }, "still"));
      }
      const room = Math.floor((b - a - 10) / 7);
      if (room >= Math.min(label.length, 4)) {
        group.append(element("svg:text", { x: a + 6, y: y + 15, class: "value" }, label.length > room ? `${label.slice(0, room - 1)}…` : label));
      }
      svg.append(group);
    }
  });
  // events
  const laneOfEvents = eventsTop + 28;
  svg.append(element("svg:text", { x: isNarrow ? 0 : left - 10, y: isNarrow ? eventsTop + 10 : laneOfEvents + 4, "text-anchor": isNarrow ? "start" : "end", class: "lane" }, "Events"));
  svg.append(element("svg:path", { d: `M${left} ${laneOfEvents}H${width - right}`, class: "base" }));
  for (const number of numbers) {
    const event = lives.event(number), isUnknown = event.first > k;
    if (isUnknown && !chosen.difference) continue;
    const isLate = event.recorded - event.at >= DAY, a = x(event.at), b = x(event.recorded);
    const group = element("svg:g", { class: `event${isLate ? " late" : ""}${isUnknown ? " unknown-yet" : ""}` }, element("svg:title", {},
      `${words(event.type)} on ${day(event.at)}${isLate ? `, recorded on ${day(event.recorded)}` : ""}; event ${shown(event.position, "count")} of the log`));
    if (isLate) {
      const rise = Math.min(20, 10 + (b - a) / 6);
      group.append(element("svg:path", { d: `M${a} ${laneOfEvents}Q${(a + b) / 2} ${laneOfEvents - 2 * rise} ${b} ${laneOfEvents}`, class: "arc" }));
      group.append(element("svg:circle", { cx: b, cy: laneOfEvents, r: 3, class: "ring" }));
      told.push(`${words(event.type)} on ${shortDay(event.at)} was recorded on ${shortDay(event.recorded)}, ${lasted((event.recorded - event.at) / 1e6)} later`);
    }
    group.append(element("svg:circle", { cx: a, cy: laneOfEvents, r: 4.5, class: "dot" }));
    svg.append(group);
  }
  // the chosen moment
  const here = x(data.moments.instants[chosen.t]);
  svg.append(element("svg:path", { d: `M${here} ${top - 6}V${base}`, class: "mark" }));
  const isRight = here > width - 110;
  svg.append(element("svg:text", { x: here + (isRight ? -4 : 0), y: 12, "text-anchor": isRight ? "end" : here < 60 ? "start" : "middle", class: "mark-label" }, `as of ${shortDay(data.moments.instants[chosen.t])}`));
  svg.prepend(element("svg:title", {}, name + told.join("; ") + "."));
  return svg;
};
