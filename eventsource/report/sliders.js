// The sliders: which moment is chosen, and every part of the page that follows them.
eventsource.board = (() => {
  const { shown, signed, stop, element, json } = eventsource;
  const place = document.getElementById("board");
  if (!place) return null;
  const board = JSON.parse(place.textContent);
  const byId = (id) => document.getElementById(id);
  const sliders = { moments: byId("as-of"), known: byId("as-known-on") };
  const toggle = byId("difference");
  const chosen = { t: board.moments.start, k: board.known.start, difference: false };
  const last = board.known.stops - 1;
  const followers = [];

  const values = (name) => board.figures[name].values;
  const at = (name, t = chosen.t, k = chosen.k) => values(name)[k][t];
  const before = (name, k = chosen.k) => at(name, board.moments.before[chosen.t], k);
  const minus = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : null);
  const figure = (name, part) => ({
    "": () => at(name),
    before: () => before(name),
    change: () => minus(at(name), before(name)),
    later: () => minus(at(name, chosen.t, last), at(name)),
  })[part]();
  const moment = (name) => stop(iso(name));
  // As in "since 30 Mar": without the year where it is that of the chosen moment.
  const shortMoment = (name) => {
    const text = moment(name).replace(/([A-Z][a-z]{2})[a-z]+/, "$1");
    return text.replace(` ${iso("as_of").slice(0, 4)}`, "");
  };
  const iso = (name) => ({
    as_of: () => board.moments.moments[chosen.t],
    known_at: () => board.known.moments[chosen.k],
    before: () => board.moments.moments[board.moments.before[chosen.t]],
  })[name]();
  const text = (name, part, form) => shown(figure(name, part), form || board.figures[name].form);

  // Every element that shows a value says which: the page without scripts has the values of the first stops.
  const fill = () => {
    for (const found of document.querySelectorAll("[data-figure]")) {
      const name = found.dataset.figure, value = at(name);
      found.dataset.value = value === null ? "" : String(value);
      if (found.dataset.form !== undefined) found.textContent = shown(value, found.dataset.form || board.figures[name].form);
    }
    for (const found of document.querySelectorAll("[data-part]")) {
      found.textContent = text(found.dataset.of, found.dataset.part, found.dataset.form);
    }
    for (const found of document.querySelectorAll("[data-moment]")) found.textContent = moment(found.dataset.moment);
  };

  const label = (slider, data, number) => {
    slider.value = String(number);
    slider.setAttribute("aria-valuetext", stop(data.moments[number]));
    slider.style.setProperty("--share", String(data.stops > 1 ? number / (data.stops - 1) : 1));
  };
  const note = () => {
    const isEarly = board.known.instants[chosen.k] < board.moments.instants[chosen.t];
    byId("note").hidden = !isEarly;
    if (isEarly) byId("note").textContent = `${moment("as_of")} was still to come on ${moment("known_at")}: the figures `
      + "are those of the events recorded until then.";
  };
  const update = () => {
    label(sliders.moments, board.moments, chosen.t);
    label(sliders.known, board.known, chosen.k);
    toggle.setAttribute("aria-pressed", String(chosen.difference));
    document.documentElement.dataset.difference = chosen.difference ? "yes" : "no";
    document.title = `${board.title} · ${moment("as_of")}`;
    fill();
    note();
    for (const follow of followers) follow();
  };
  const choose = (change) => {
    Object.assign(chosen, change);
    update();
  };
  sliders.moments.addEventListener("input", () => choose({ t: Number(sliders.moments.value) }));
  sliders.known.addEventListener("input", () => choose({ k: Number(sliders.known.value) }));
  toggle.addEventListener("click", () => choose({ difference: !chosen.difference }));
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      const slider = byId(button.getAttribute("aria-controls"));
      slider.value = String(Number(slider.value) + Number(button.dataset.step));
      slider.dispatchEvent(new Event("input"));
    });
  }
  return { data: board, chosen, last, at, before, minus, figure, moment, shortMoment, text, followers, update, choose, byId };
})();
