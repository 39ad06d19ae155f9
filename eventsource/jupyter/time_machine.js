// The time machine of one entity. Every text goes into the page as text, never as markup.
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function changes(step) {
  const list = element("ul", "es-changes");
  if (step.existence) list.append(element("li", "es-existence", step.existence));
  for (const [name, before, after] of step.changed) {
    const item = element("li");
    item.append(element("b", "", name), ` ${before} → `, element("b", "", after));
    list.append(item);
  }
  if (!list.children.length) list.append(element("li", "es-soft", "changed nothing"));
  if (step.correction) list.append(element("li", "es-soft", step.correction));
  return list;
}

function state(step) {
  if (!step.state.length) return element("p", "es-soft", "does not exist");
  const changed = new Set(step.changed.map(([name]) => name));
  const table = element("table");
  for (const [name, value] of step.state) {
    const row = element("tr", changed.has(name) ? "es-changed" : "");
    const head = element("th", "", name);
    head.scope = "row";
    row.append(head, element("td", "", value));
    table.append(row);
  }
  return table;
}

function payload(step) {
  const details = element("details");
  details.append(element("summary", "", "payload"), element("pre", "", step.data));
  return details;
}

function render({ model, el }) {
  const root = element("section", "es-time-machine");
  const slider = element("input");
  const line = element("p", "es-event");
  const body = element("div", "es-body");
  line.setAttribute("aria-live", "polite");
  slider.type = "range";
  // JupyterLab takes the arrow keys for its headings and cells unless it is asked not to.
  slider.dataset.lmSuppressShortcuts = "true";
  slider.min = 0;
  slider.setAttribute("aria-label", `Events of ${model.get("entity")}`);
  slider.addEventListener("input", () => {
    model.set("index", Number(slider.value));
    model.save_changes();
  });
  function draw() {
    const steps = model.get("steps");
    const step = steps[model.get("index")];
    slider.max = Math.max(steps.length - 1, 0);
    slider.value = model.get("index");
    if (!step) {
      line.textContent = `${model.get("entity")} has no events`;
      body.replaceChildren();
      return;
    }
    const count = `${model.get("index") + 1} of ${steps.length}`;
    slider.setAttribute("aria-valuetext", `${step.at}, ${step.type}, ${count}`);
    line.replaceChildren(
      element("b", "", step.type),
      ` ${step.at} `,
      element("span", "es-soft", `#${step.position} · ${count}`),
    );
    const left = element("div");
    left.append(changes(step), payload(step));
    body.replaceChildren(left, state(step));
  }
  root.append(element("h4", "", model.get("entity")), slider, line, body);
  el.append(root);
  model.on("change:index", draw);
  model.on("change:steps", draw);
  draw();
}

export default { render };
