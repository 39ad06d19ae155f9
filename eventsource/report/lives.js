// The lives of entities: what was so at a moment, as it was known on a day. See eventsource.board for the columns.
eventsource.livesOf = (lives, known) => {
  const count = lives.entities.length, stops = known.length, unit = lives.unit;
  const starts = (counts) => {
    const found = new Int32Array(counts.length + 1);
    counts.forEach((many, n) => { found[n + 1] = found[n] + many; });
    return found;
  };
  const events = lives.events, eventStarts = starts(events.entity);
  const at = new Float64Array(events.at.length), recorded = new Float64Array(events.at.length);
  for (let e = 0; e < count; e++) {
    let sum = 0;
    for (let n = eventStarts[e]; n < eventStarts[e + 1]; n++) {
      sum += events.at[n];
      at[n] = sum * unit;
      recorded[n] = events.recorded[n] === null ? NaN : at[n] + events.recorded[n] * 1e6;
    }
  }
  const firstStop = (instant) => {
    let n = 0;
    while (n < stops && instant > known[n]) n++;
    return n;
  };
  const firstStops = Int16Array.from(recorded, (instant) => (Number.isNaN(instant) ? 0 : firstStop(instant)));
  const field = (name, data) => {
    const rows = data.value.length, start = starts(data.entity);
    const from = new Float64Array(rows), event = new Int32Array(rows).fill(-1);
    const first = new Int16Array(rows), to = new Int16Array(rows).fill(stops - 1);
    let number = 0;
    data.event.forEach((step, n) => {
      if (step === null) return;
      number += step;
      event[n] = number;
      from[n] = at[number];
      first[n] = firstStops[number];
    });
    for (const [n, instant] of data.from) from[n] = instant * unit;
    for (const [n, a, b] of data.known) { first[n] = a; to[n] = b; }
    const value = (n) => {
      const found = data.value[n];
      if (found === null || data.kind === "number") return found;
      return data.kind === "flag" ? found === 1 : data.texts[found];
    };
    const isKnown = (n, k) => first[n] <= k && k <= to[n];
    // The row that holds for an entity at an instant; -1 where there is none.
    const rowAt = (entity, instant, k) => {
      for (let n = start[entity + 1] - 1; n >= start[entity]; n--) {
        if (from[n] <= instant && first[n] <= k && k <= to[n]) return n;
      }
      return -1;
    };
    return { ...data, name, start, from, eventOf: event, first, to, valueOf: value, isKnown, rowAt,
      valueAt: (entity, instant, k) => {
        const n = rowAt(entity, instant, k);
        return n < 0 ? data.default : value(n);
      } };
  };
  const spans = Array.from({ length: count }, () => []);
  const exists = lives.exists, ranges = new Map(exists.known.map(([n, a, b]) => [n, [a, b]]));
  exists.entity.forEach((entity, n) => {
    const [a, b] = ranges.get(n) || [0, stops - 1];
    spans[entity].push([exists.from[n] * unit, exists.to[n] === null ? Infinity : exists.to[n] * unit, a, b]);
  });
  return {
    entities: lives.entities, leftOut: lives["left out"], count,
    fields: lives.fields.map((data) => field(data.name, data)),
    existsAt: (entity, instant, k) =>
      spans[entity].some(([from, to, a, b]) => from <= instant && instant < to && a <= k && k <= b),
    spans: (entity, k) => spans[entity].filter(([, , a, b]) => a <= k && k <= b),
    event: (n) => ({ at: at[n], recorded: recorded[n], first: firstStops[n], type: events.types[events.type[n]],
      position: events.position[n], id: events.id ? events.id[n] : "" }),
    eventsOf: (entity) => Array.from({ length: eventStarts[entity + 1] - eventStarts[entity] }, (_, n) => eventStarts[entity] + n),
  };
};
