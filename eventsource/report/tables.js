// Tables: numbers to the right, what is the same in all rows said once above, sorting, search, pages, CSV.
(() => {
  const { element, shown } = eventsource;
  const PAGE = 15, SEARCH_FROM = 12;
  const NUMBER = /^[-−+]?([€$£]|[A-Z]{3}\u00a0)?\d[\d,]*(\.\d+)?(e[-+]?\d+)?\s?%?$/i;
  const TIME = /^(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d(\.\d+)?( UTC)?$/;
  const yesOrNo = (text) => (/^[Tt]rue$/.test(text) ? "yes" : /^[Ff]alse$/.test(text) ? "no" : text);
  // Durations as Polars writes them, "17d 7h 48m 39s 344ms". A column of "12m" alone may hold months.
  const LASTED = /^-?(?=\d)(?:(\d+)d ?)?(?:(\d+)h ?)?(?:(\d+)m ?)?(?:(\d+)s ?)?(?:(\d+)ms ?)?(?:(\d+)[µu]s ?)?(?:\d+ns)?$/;
  const SECONDS = [86400, 3600, 60, 1, 1e-3, 1e-6];
  const MISSING = new Set(["null", "–", "None", "NaT", ""]);
  const HIDDEN = /^(•••|< \d+)$/;  // what an audience may not see
  const IS_NAME = /(^|[\s_])(id|ids|year|code|zip|postcode|version|customer|stream|entity)$/i;
  // Numbers of a column as people read them: as many decimals as one of them needs, thousands apart.
  const grouped = (texts) => {
    const decimals = Math.max(0, ...texts.map((text) => ((/\.(\d+)/.exec(text) || ["", ""])[1].replace(/0+$/, "")).length));
    const digits = decimals === 1 ? 2 : decimals;
    return (text) => (/^[-−]?\d+(\.\d+)?$/.test(text) && Math.abs(number(text)) < 2 ** 53 && digits <= 6
      ? eventsource.fixed(number(text), digits).replace("-", "−") : text);
  };
  const number = (text) => Number(text.replace(/[A-Z]{3}\u00a0|[€$£,%\s]/g, "").replace("−", "-"));
  const seconds = (text) => (text.startsWith("-") ? -1 : 1)
    * LASTED.exec(text).slice(1).reduce((sum, many, n) => sum + (many || 0) * SECONDS[n], 0);
  const duration = (text) => (text.startsWith("-") ? "−" : "") + eventsource.lasted(Math.abs(seconds(text)));
  // A spreadsheet would run a text that begins like a formula; an apostrophe makes it a text.
  const csvCell = (text, isNumber) => {
    const safe = !isNumber && /^\s*[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  eventsource.csv = (head, rows, isNumber) => [head.map((text) => csvCell(text, false)),
    ...rows.map((row) => row.map((text, n) => csvCell(text, isNumber[n])))].map((cells) => cells.join(",")).join("\r\n") + "\r\n";

  // `state`: how a table is sorted, searched and paged; one that is drawn again keeps it.
  eventsource.improve = (table, place, state = { sort: -1, descending: false, query: "", page: 0 }) => {
    const head = table.tHead && table.tHead.rows.length === 1 ? [...table.tHead.rows[0].cells] : null;
    const body = table.tBodies[0];
    if (!head || !body || !body.rows.length || [...table.rows].some((row) => row.cells.length !== head.length)) return;
    const rows = [...body.rows], names = head.map((cell) => cell.textContent.trim());
    const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
    const columns = names.map((_, n) => {
      const present = texts.map((row) => row[n]).filter((text) => !MISSING.has(text) && !HIDDEN.test(text));
      return {
        isNumber: present.length > 0 && present.every((text) => NUMBER.test(text)),
        isDuration: present.some((text) => text.includes(" ")) && present.every((text) => LASTED.test(text)),
        isTime: present.length > 0 && present.every((text) => TIME.test(text)),
        format: present.length && present.every((text) => NUMBER.test(text)) && !IS_NAME.test(names[n]) ? grouped(present) : (text) => text,
        isSame: rows.length > 2 && new Set(texts.map((row) => row[n])).size === 1,
      };
    });
    if (columns.every((column) => column.isSame)) for (const column of columns) column.isSame = false;
    rows.forEach((row, r) => [...row.cells].forEach((cell, n) => {
      const text = texts[r][n];
      if (columns[n].isNumber) {
        cell.classList.add("number");
        cell.textContent = columns[n].format(text);
      }
      if (text.length <= 24) cell.classList.add("short");
      if (MISSING.has(text)) {
        cell.classList.add("null");
        cell.textContent = "–";
      } else if (HIDDEN.test(text)) {
        cell.textContent = text;
      } else if (columns[n].isTime) {
        cell.title = text;
        cell.textContent = TIME.exec(text)[1];
      } else if (columns[n].isDuration) {
        cell.title = text;
        cell.textContent = duration(text);
      } else if (yesOrNo(text) !== text) {
        cell.textContent = yesOrNo(text);
      }
    }));
    head.forEach((cell, n) => {
      if (columns[n].isNumber) cell.classList.add("number");
      if (columns[n].isTime && texts.every((row) => MISSING.has(row[n]) || row[n].endsWith(" UTC"))) cell.append(element("small", { class: "unit" }, " UTC"));
    });
    head.forEach((cell, n) => { if (names[n].includes("_")) cell.firstChild.textContent = names[n].replace(/_/g, " "); });
    // what is the same in all rows
    const same = columns.flatMap((column, n) => (column.isSame ? [`${names[n].replace(/_/g, " ")}: ${yesOrNo(texts[0][n])}`] : []));
    if (same.length) {
      place.before(element("p", { class: "same" }, same.join(" · ")));
      columns.forEach((column, n) => {
        if (column.isSame) for (const row of [...table.rows]) row.cells[n].hidden = true;
      });
    }
    // sorting, search, pages
    const status = element("span", { role: "status" });
    const draw = () => {
      const query = state.query.toLowerCase();
      const order = rows.map((_, r) => r).filter((r) => !query
        || [...texts[r], ...[...rows[r].cells].map((cell) => cell.textContent)].some((text) => text.toLowerCase().includes(query)));
      if (state.sort >= 0) {
        const n = state.sort, way = state.descending ? -1 : 1;
        order.sort((a, b) => {
          const x = texts[a][n], y = texts[b][n];
          const isLast = [x, y].map((text) => MISSING.has(text) || HIDDEN.test(text));
          if (isLast[0] || isLast[1]) return isLast[0] - isLast[1];
          if (columns[n].isDuration) return way * (seconds(x) - seconds(y));
          return way * (columns[n].isNumber ? number(x) - number(y) : x < y ? -1 : x > y ? 1 : 0);
        });
      }
      const pages = Math.max(1, Math.ceil(order.length / PAGE));
      state.page = Math.min(state.page, pages - 1);
      body.replaceChildren(...order.slice(state.page * PAGE, (state.page + 1) * PAGE).map((r) => rows[r]));
      head.forEach((cell, n) => {
        if (n === state.sort) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
      status.textContent = pages > 1 ? `rows ${state.page * PAGE + 1}–${Math.min(order.length, (state.page + 1) * PAGE)} of ${shown(order.length, "count")}`
        : query ? `${shown(order.length, "count")} of ${shown(rows.length, "count")} rows` : "";
      back.hidden = next.hidden = pages < 2;
      back.disabled = state.page === 0;
      next.disabled = state.page === pages - 1;
    };
    const button = (text, act) => {
      const made = element("button", { type: "button" }, text);
      made.addEventListener("click", act);
      return made;
    };
    const turn = (step) => () => { state.page += step; draw(); };
    const back = button("Previous", turn(-1)), next = button("Next", turn(1));
    const download = button("CSV", () => {
      const text = eventsource.csv(names, texts.map((row) => row.map((cell) => (MISSING.has(cell) ? "" : cell))), columns.map((column) => column.isNumber));
      const link = element("a", { href: URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" })), download: "table.csv" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    if (rows.length > 2) {
      head.forEach((cell, n) => {
        const sorter = element("button", { type: "button" }, ...cell.childNodes);
        sorter.addEventListener("click", () => {
          state.descending = state.sort === n && !state.descending;
          state.sort = n;
          state.page = 0;
          draw();
        });
        cell.replaceChildren(sorter);
      });
      const search = element("input", { type: "search", "aria-label": "Search this table", placeholder: "Search", autocomplete: "off" });
      search.value = state.query;
      search.addEventListener("input", () => { state.query = search.value.trim(); state.page = 0; draw(); });
      place.after(element("div", { class: "table-tools" }, ...(rows.length >= SEARCH_FROM ? [search] : []), back, status, next, download));
      draw();
    }
  };
  for (const table of document.querySelectorAll(".wide > table:not(.bars):not(.entities):not([data-live]), .wide > div > table")) {
    eventsource.improve(table, table.closest(".wide"));
  }

  // Tabs: without scripts, and in print, all of them show below each other.
  document.querySelectorAll("[data-tabs]").forEach((tabs, number) => {
    const panels = [...tabs.children];
    const buttons = panels.map((panel, n) => {
      panel.id = `tab-${number}-${n}`;
      panel.setAttribute("role", "tabpanel");
      panel.tabIndex = 0;
      return element("button", { type: "button", role: "tab", "aria-controls": panel.id }, panel.getAttribute("aria-label"));
    });
    const select = (chosen) => buttons.forEach((button, n) => {
      button.setAttribute("aria-selected", String(n === chosen));
      button.tabIndex = n === chosen ? 0 : -1;
      panels[n].classList.toggle("behind", n !== chosen);
    });
    buttons.forEach((button, n) => {
      button.addEventListener("click", () => { select(n); window.dispatchEvent(new Event("resize")); });
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const to = (n + step + buttons.length) % buttons.length;
        select(to);
        buttons[to].focus();
      });
    });
    tabs.prepend(element("div", { role: "tablist", "aria-label": "Parts" }, ...buttons));
    tabs.classList.add("ready");
    select(0);
  });
})();
