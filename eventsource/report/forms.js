"use strict";
// Values as people read them: the same texts as eventsource.formats.
const eventsource = (() => {
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December"];
  const grouped = (digits) => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  // Like Python's rounding: of two equally near values the even one. Only multiples of 1/2^n lie exactly between two.
  const fixed = (value, digits) => {
    const scaled = Math.abs(value) * 10 ** digits;
    const isTie = (Math.abs(value) * 2 ** (digits + 1)) % 1 === 0 && scaled % 1 === 0.5;
    const text = isTie && Math.floor(scaled) % 2 === 0
      ? (Math.floor(scaled) / 10 ** digits).toFixed(digits) : Math.abs(value).toFixed(digits);
    const [whole, part] = text.split(".");
    return (value < 0 ? "-" : "") + grouped(whole) + (part ? "." + part : "");
  };
  const count = (value) => (value < 0 ? "−" : "") + grouped(String(Math.abs(value)));
  const number = (value) => fixed(value, 3).replace(/\.?0+$/, "").replace("-", "−") || "0";
  const forms = {
    count: (value) => (Number.isInteger(value) ? count(value) : number(value)),
    number,
    share: (value) => fixed(100 * value, 0).replace(/,/g, "") + " %",
    money: (value) => "€" + fixed(value, 2),
    more: (value) => (value === 0 ? "as many as" : count(Math.abs(value)) + (value > 0 ? " more than" : " fewer than")),
    rose: (value) => (value === 0 ? "did not change" : value > 0 ? "rose" : "fell"),
  };
  const SIGNS = { EUR: "€", USD: "$", GBP: "£" };
  const shown = (value, form) => {
    if (value === null || value === undefined) return "–";
    const currency = /^money ([A-Z]{3})$/.exec(form);
    if (currency && typeof value === "number") {
      return (value < 0 ? "−" : "") + (SIGNS[currency[1]] || currency[1] + "\u00a0") + fixed(Math.abs(value), 2);
    }
    if (form.includes("|")) {
      const at = form.indexOf("|");
      if (typeof value !== "number") return value + " " + form.slice(at + 1);
      return count(value) + " " + (value === 1 ? form.slice(0, at) : form.slice(at + 1));
    }
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return form === "event" ? words(String(value)) : String(value);
    return (forms[form] || (Number.isInteger(value) ? count : number))(value);
  };
  // A difference of two values, with its sign; shares differ by points.
  const signed = (value, form) => {
    if (form === "share") {
      const points = fixed(Math.abs(100 * value), 1).replace(/\.0$/, "");
      return (value < 0 ? "−" : "+") + points + (points === "1" ? " point" : " points");
    }
    return (value < 0 ? "−" : "+") + shown(Math.abs(value), form);
  };
  const utc = (micros) => new Date(Math.floor(micros / 1000));
  const day = (micros) => {
    const date = utc(micros);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  };
  const shortDay = (micros) => {
    const date = utc(micros);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()].slice(0, 3)} ${date.getUTCFullYear()}`;
  };
  const clock = (micros) => utc(micros).toISOString().slice(11, 16);
  // A stop: "2024-06-30" is a day, "2024-06-30T12:00:00+00:00" a moment.
  const stop = (iso) => {
    const [date, time] = iso.split("T");
    const [year, month, dayOfMonth] = date.split("-").map(Number);
    const text = `${dayOfMonth} ${MONTHS[month - 1]} ${year}`;
    return time ? `${text}, ${time.slice(0, 5)}` : text;
  };
  const words = (type) => {
    const text = type.replace(/([a-z\d])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$& ").replace(/[_. -]+/g, " ").trim().toLowerCase();
    return text ? text.charAt(0).toUpperCase() + text.slice(1) : type;
  };
  const lasted = (seconds) => {
    for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      const many = Math.floor(seconds / length);
      if (many) return `${count(many)} ${unit}${many === 1 ? "" : "s"}`;
    }
    return "less than a minute";
  };
  // Elements are made from texts only: nothing in data is ever read as markup.
  const SVG = "http://www.w3.org/2000/svg";
  const element = (name, attributes = {}, ...children) => {
    const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(key, "");
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, String(value));
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  return { shown, signed, day, shortDay, clock, stop, words, lasted, element, json, fixed, MONTHS };
})();
