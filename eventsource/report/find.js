// The entities of a board: search, table, sentences, and which events came in later.
if (eventsource.board && eventsource.board.data.lives) (() => {
  const { shown, day, shortDay, words, lasted, element, json, stop } = eventsource;
  const board = eventsource.board, { data, chosen, last } = board;
  const lives = eventsource.livesOf(data.lives, data.known.instants);
  const PAGE = 6, MOST_LATE = 25;
  const place = document.querySelector("[data-find]");
  const part = place ? json("part-" + place.dataset.board) : { name: "" };
  const nameField = lives.fields.find((field) => field.name === part.name);
  lives.nameField = nameField;
  const columns = lives.fields;
  const instant = () => data.moments.instants[chosen.t];
  const nameOf = (entity, k = last) =>
    (nameField && nameField.valueAt(entity, Infinity, k)) || lives.entities[entity];
  const text = (field, value) => shown(value, field.form);
  const who = (entity) => {
    const name = nameOf(entity);
    return name === lives.entities[entity] ? name : `${name} (${lives.entities[entity]})`;
  };

  // ---- sentences ---------------------------------------------------------------------------------------------
  const listed = (parts) => (parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);
  const said = (entity, when, k) => {
    const found = [];
    for (const field of columns) {
      const value = field.valueAt(entity, when, k);
      if (field.kind === "flag" && !value) { if (field.denies) found.push(field.denies); continue; }
      if (field.says && value !== null) found.push(field.says.replace("{}", text(field, value)));
    }
    return found;
  };
  const sentence = (entity, number, k) => {
    const when = data.moments.instants[number], date = stop(data.moments.moments[number]);
    if (!lives.existsAt(entity, when, k)) return `On ${date} there was no ${lives.entities[entity]}.`;
    const parts = said(entity, when, k);
    if (!parts.length) {
      return `On ${date}, ${who(entity)}: ` + columns.map((field) =>
        `${field.label.toLowerCase()} ${text(field, field.valueAt(entity, when, k))}`).join("; ") + ".";
    }
    return `On ${date} ${nameOf(entity)} ${listed(parts)}.`;
  };
  const isLate = (event) => event.recorded - event.at >= 86400e6;
  const happened = (event) => `${words(event.type)} on ${day(event.at)}`
    + (isLate(event) ? `; recorded on ${day(event.recorded)}, ${lasted((event.recorded - event.at) / 1e6)} later` : "");
  // What the last changes of fields with a sentence were, up to the moment, the latest first.
  const lastChanges = (entity, k) => {
    const found = new Map();
    for (const field of columns) {
      if (!field.says) continue;
      for (let n = field.start[entity]; n < field.start[entity + 1]; n++) {
        if (field.eventOf[n] >= 0 && field.isKnown(n, k) && field.from[n] <= instant()) found.set(field.eventOf[n], field);
      }
    }
    return [...found.keys()].sort((a, b) => b - a).slice(0, 3).map((n) => lives.event(n));
  };

  // ---- the life of one entity --------------------------------------------------------------------------------
  const state = { query: "", sort: -1, descending: false, page: 0, open: -1 };
  if (place) state.open = lives.entities.indexOf(part.entity);
  const reference = (event) => `event ${shown(event.position, "count")} of the log`;
  const drawLife = () => {
    const panel = place.querySelector("[data-life]"), entity = state.open;
    if (entity < 0) {
      panel.replaceChildren(element("p", { class: "soft" }, "Choose one in the table to see its life."));
      return;
    }
    const k = chosen.k;
    const before = data.moments.before[chosen.t];
    const lines = [sentence(entity, chosen.t, k), sentence(entity, before, k)];
    const rows = columns.map((field) => {
      const n = lives.existsAt(entity, instant(), k) ? field.rowAt(entity, instant(), k) : -1;
      const event = n >= 0 && field.eventOf[n] >= 0 ? lives.event(field.eventOf[n]) : null;
      return element("tr", {}, element("th", { scope: "row" }, field.label),
        element("td", {}, n >= 0 ? text(field, field.valueOf(n)) : text(field, lives.existsAt(entity, instant(), k) ? field.default : null)),
        element("td", {}, event ? words(event.type) : "–"),
        element("td", { class: "short" }, event ? shortDay(event.at) : "–"),
        element("td", { class: "short" }, event && !Number.isNaN(event.recorded) ? shortDay(event.recorded) : "–"),
        element("td", { class: "number" }, event ? shown(event.position, "count") : "–"),
        element("td", { class: "id" }, event ? event.id.slice(0, 12) : ""));
    });
    const changes = lastChanges(entity, k).map((event) =>
      element("li", {}, happened(event), element("span", { class: "soft" }, ` · ${reference(event)}`)));
    panel.replaceChildren(
      element("h3", {}, nameOf(entity), nameField ? element("span", { class: "soft" }, ` ${lives.entities[entity]}`) : null),
      ...lines.map((line) => element("p", { class: "answer" }, line)),
      element("ul", { class: "changes" }, ...changes),
      eventsource.lifeLine(lives, entity, panel.clientWidth || 700),
      element("details", {},
        element("summary", {}, "Which event made each value"),
        element("div", { class: "wide", role: "region", tabindex: "0", "aria-label": "Which event made each value" },
          element("table", {},
            element("thead", {}, element("tr", {}, ...["Field", "Value", "Event", "Happened", "Recorded", "Position", "Event id"]
              .map((name, n) => element("th", { scope: "col", class: n === 5 ? "number" : null }, name)))),
            element("tbody", {}, ...rows)))));
    panel.querySelector("details").open = drawLife.isOpen;
    panel.querySelector("details").addEventListener("toggle", (event) => { drawLife.isOpen = event.target.open; });
  };
  drawLife.isOpen = false;

  // ---- the table ---------------------------------------------------------------------------------------------
  const differs = (entity) => {
    const when = instant(), a = lives.existsAt(entity, when, chosen.k), b = lives.existsAt(entity, when, last);
    return a !== b || (a && columns.some((field) => field.valueAt(entity, when, chosen.k) !== field.valueAt(entity, when, last)));
  };
  const matching = () => {
    const when = instant(), query = state.query.trim().toLowerCase(), found = [];
    for (let entity = 0; entity < lives.count; entity++) {
      const exists = lives.existsAt(entity, when, chosen.k) || (chosen.difference && lives.existsAt(entity, when, last));
      if (!exists || (chosen.difference && !differs(entity))) continue;
      if (query && !lives.entities[entity].toLowerCase().includes(query)
        && !columns.some((field) => field.kind === "text"
          && String(field.valueAt(entity, when, chosen.k) ?? "").toLowerCase().includes(query))) continue;
      found.push(entity);
    }
    if (query) {  // the entity that is called exactly so comes first
      const exact = found.findIndex((entity) => lives.entities[entity].toLowerCase() === query);
      if (exact > 0) found.unshift(...found.splice(exact, 1));
    }
    if (state.sort < 0) return state.descending ? found.reverse() : found;
    const field = columns[state.sort], way = state.descending ? -1 : 1;
    const keys = new Map(found.map((entity) => [entity, field.valueAt(entity, when, chosen.k)]));
    return found.sort((x, y) => {
      const a = keys.get(x), b = keys.get(y);
      if (a === b) return x - y;
      if (a === null || b === null) return a === null ? 1 : -1;
      return (a < b ? -1 : 1) * way;
    });
  };
  const drawTable = () => {
    const found = matching(), when = instant(), pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const head = [{ label: data.noun[0] }, ...columns].map((column, n) => {
      const isSorted = n - 1 === state.sort;
      const button = element("button", { type: "button" }, column.label.charAt(0).toUpperCase() + column.label.slice(1));
      button.addEventListener("click", () => {
        state.descending = isSorted && !state.descending;
        state.sort = n - 1;
        state.page = 0;
        drawTable();
        place.querySelectorAll(".entities thead button")[n].focus();
      });
      return element("th", { scope: "col", class: n && columns[n - 1].kind === "number" ? "number" : null,
        "aria-sort": isSorted ? (state.descending ? "descending" : "ascending") : null }, button);
    });
    place.querySelector(".entities thead").replaceChildren(element("tr", {}, ...head));
    const rows = found.slice(state.page * PAGE, (state.page + 1) * PAGE).map((entity) => {
      const open = element("button", { type: "button", "aria-pressed": String(entity === state.open) }, lives.entities[entity]);
      open.addEventListener("click", () => {
        state.open = entity;
        drawLife();
        drawTable();
        place.querySelector("[data-life]").scrollIntoView({ block: "nearest" });
        const again = [...place.querySelectorAll(".entities tbody button")].find((each) => each.textContent === lives.entities[entity]);
        if (again) again.focus({ preventScroll: true });
      });
      const cells = columns.map((field) => {
        const value = field.valueAt(entity, when, chosen.k), now = field.valueAt(entity, when, last);
        return element("td", { class: field.kind === "number" ? "number" : "short" }, text(field, value),
          chosen.difference && now !== value ? element("small", { class: "now" }, ` → ${text(field, now)}`) : null);
      });
      return element("tr", { class: entity === state.open ? "chosen" : null }, element("th", { scope: "row" }, open), ...cells);
    });
    place.querySelector(".entities tbody").replaceChildren(...rows);
    const isOne = found.length === 1;
    place.querySelector("[data-count]").textContent = `${shown(found.length, "count")} ${data.noun[isOne ? 0 : 1]}`
      + (chosen.difference ? ` ${isOne ? "differs" : "differ"} from what is known now` : "")
      + (lives.leftOut ? `; ${shown(lives.leftOut, "count")} more are counted above and not listed here` : "");
    const turn = (label, step, isOff) => {
      const button = element("button", { type: "button", disabled: isOff }, label);
      button.addEventListener("click", () => {
        state.page += step;
        drawTable();
        const same = [...place.querySelectorAll("[data-pager] button")].find((each) => each.textContent === label && !each.disabled);
        (same || place.querySelector("[data-pager] button:not([disabled])") || place.querySelector("input")).focus();
      });
      return button;
    };
    place.querySelector("[data-pager]").replaceChildren(...(pages > 1 ? [turn("Previous", -1, state.page === 0),
      element("span", {}, `page ${state.page + 1} of ${pages}`), turn("Next", 1, state.page === pages - 1)] : []));
    return found;
  };

  // ---- what came in later ------------------------------------------------------------------------------------
  // Rows that are known only then, or only now. An event that was recorded later is a cause; so is the first value of
  // a field that changed without one, as a correction changes it. Values after a cause, such as running totals, follow.
  const later = () => {
    const when = instant(), known = data.known.instants[chosen.k], lateOf = new Map(), firsts = new Map();
    for (const field of columns) {
      for (let n = 0; n < field.from.length; n++) {
        if (field.from[n] > when) continue;
        const then = field.isKnown(n, chosen.k), now = field.isKnown(n, last);
        if (then === now) continue;
        const number = field.eventOf[n], entity = ownerOf(field, n);
        if (now && number >= 0 && lives.event(number).recorded > known) {
          if (!lateOf.has(number)) lateOf.set(number, { entity, number, isLate: true, fields: [] });
          lateOf.get(number).fields.push([field, n]);
          continue;
        }
        const key = `${entity} ${field.name}`, first = firsts.get(key);
        if (!first || field.from[n] < first.from) firsts.set(key, { entity, number, from: field.from[n], fields: [[field, n]] });
        else if (field.from[n] === first.from) first.fields.push([field, n]);
      }
    }
    const causes = [...lateOf.values()];
    for (const first of firsts.values()) {
      const isExplained = causes.some((cause) => cause.isLate && cause.entity === first.entity && lives.event(cause.number).at <= first.from);
      if (!isExplained) causes.push(first);
    }
    return causes;
  };
  const ownerOf = (field, n) => {
    let low = 0, high = field.start.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (field.start[middle] <= n) low = middle; else high = middle;
    }
    while (field.start[low + 1] <= n) low++;
    return low;
  };
  const lateItem = ({ entity, number, isLate, fields }) => {
    const event = number < 0 ? null : lives.event(number);
    const [field, n] = fields[0];
    const when = event ? event.at : field.from[n];
    const values = isLate
      ? fields.map(([each, row]) => `${each.label}: ${text(each, each.valueAt(entity, each.from[row] - 1, last))} → ${text(each, each.valueOf(row))}`)
      : [`${field.label}: ${text(field, field.valueAt(entity, when, chosen.k))} as known then, ${text(field, field.valueAt(entity, when, last))} as known now`];
    const why = isLate ? `recorded on ${day(event.recorded)}, ${lasted((event.recorded - event.at) / 1e6)} later`
      : "corrected later";
    return element("li", {}, element("strong", {}, who(entity)), ` · ${event ? words(event.type) : "Change"} on ${day(when)}, ${why}`,
      element("br"), element("span", { class: "soft" }, `${values.join("; ")}${event ? ` · ${reference(event)}` : ""}`));
  };
  const drawLate = (target) => {
    const found = chosen.k === last ? [] : later();
    const moment = ({ number, from }) => (number < 0 ? from : lives.event(number).at);
    found.sort((a, b) => moment(b) - moment(a));
    const dates = [board.moment("as_of"), board.moment("known_at")];
    const corrected = found.filter((each) => !each.isLate).length, late = found.length - corrected;
    const head = chosen.k === last ? "As known on this day, nothing is missing: no event was recorded later."
      : `${late ? shown(late, "event|events") : "No event"} that happened by ${dates[0]} ${late < 2 ? "was" : "were"} recorded after ${dates[1]}`
        + (corrected ? `, and ${shown(corrected, "value was|values were")} corrected` : "") + (found.length ? ":" : ".");
    const rest = found.length - MOST_LATE;
    target.replaceChildren(element("p", { class: found.length ? null : "soft" }, head),
      ...(found.length ? [element("ol", {}, ...found.slice(0, MOST_LATE).map(lateItem))] : []),
      ...(rest > 0 ? [element("p", { class: "soft" }, `and ${shown(rest, "count")} more`)] : []));
  };
  const drawDiffers = () => {
    const note = board.byId("differs");
    note.hidden = !chosen.difference;
    if (!chosen.difference) return;
    const names = data.names.filter((name) => board.at(name) !== board.at(name, chosen.t, last));
    note.textContent = chosen.k === last ? "As known on this day and as known now are the same: choose an earlier day for “As known on”."
      : `As known on ${board.moment("known_at")} → as known now: `
        + (names.length ? names.map((name) => `${data.figures[name].label.toLowerCase()} ${board.text(name, "")} → ${shown(board.at(name, chosen.t, last), data.figures[name].form)}`).join("; ") + "."
          : "no figure differs.");
  };

  board.followers.push(drawDiffers);
  for (const target of document.querySelectorAll("[data-late]")) board.followers.push(() => drawLate(target));
  if (place) {
    board.followers.push(drawTable, drawLife);
    place.querySelector("input[type=search]").addEventListener("input", (event) => {
      state.query = event.target.value;
      state.page = 0;
      const found = drawTable(), query = state.query.trim().toLowerCase();
      const isOne = found.length === 1 || (found.length && lives.entities[found[0]].toLowerCase() === query);
      if (query && isOne && found[0] !== state.open) {
        state.open = found[0];
        drawLife();
        drawTable();
      }
    });
    let width = 0;
    new ResizeObserver(() => {
      if (place.clientWidth !== width) { width = place.clientWidth; drawLife(); }
    }).observe(place);
  }
})();
if (eventsource.board) eventsource.board.update();
