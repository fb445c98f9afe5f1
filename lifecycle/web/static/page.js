// What the page gains from a script; without one all of it works. Freshens the part about now, keeps a form from being
// sent twice, and offers a chart of the days to look into.
"use strict";

const EVERY_MS = 30_000;
const DASHES = [[], [8, 3], [2, 3], [12, 3, 2, 3], [5, 5], [1, 4], [10, 5, 2, 5, 2, 5], [3, 8]];

// -- now ------------------------------------------------------------------------------------------------------

function phases(part) {
  return new Map([...part.querySelectorAll("[data-box]")].map((box) => [box.dataset.box, box.dataset.phase]));
}

function news(before, after) {
  const said = [];
  for (const [box, phase] of after) if (before.get(box) !== phase) said.push(`${box} is ${phase}`);
  for (const box of before.keys()) if (!after.has(box)) said.push(`${box} is gone`);
  return said.join("; ");
}

function inUse(part) {
  return part.contains(document.activeElement) || part.querySelector("details[open]") || document.hidden;
}

async function freshen(part) {
  if (inUse(part)) return;
  const address = new URL(location.href);
  address.hash = "";
  address.searchParams.delete("said");
  address.searchParams.delete("at");
  address.searchParams.set("part", "now");
  let answer;
  try {
    answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error" });
  } catch {
    return; // the next one may come through
  }
  if (!answer.ok || inUse(part)) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = phases(part);
  part.replaceChildren(...fresh.body.childNodes);
  const said = news(before, phases(part));
  if (said) document.querySelector("[data-news]").textContent = said;
}

// -- forms ----------------------------------------------------------------------------------------------------

function onceOnly(event) {
  if (event.target.dataset.sent) {
    event.preventDefault();
    return;
  }
  event.target.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-disabled", "true");
}

// -- days -----------------------------------------------------------------------------------------------------

function read(table) {
  const heads = [...table.querySelectorAll("thead th[data-meter]")];
  const meters = heads.map((cell) => ({ name: cell.textContent.trim(), slot: Number(cell.dataset.slot) }));
  const rows = [...table.querySelectorAll("tbody tr")].reverse();
  const days = rows.map((row) => Date.parse(`${row.dataset.day}T00:00:00Z`) / 1000);
  const amounts = rows.map((row) => [...row.querySelectorAll("td[data-amount]")].map((cell) => Number(cell.dataset.amount)));
  return { meters, days, series: meters.map((_, at) => amounts.map((row) => row[at])) };
}

function draw(place, table) {
  const { meters, days, series } = read(table);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("rule"), width: 1 }, ticks: { stroke: colour("rule"), width: 1 } };
  const money = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  const wide = () => Math.max(place.clientWidth, 240);
  const chart = new uPlot({
    width: wide(),
    height: 240,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    axes: [{ ...axis, values: (_, marks) => marks.map((at) => day.format(at * 1000)), space: 80 }, { ...axis, size: 60, values: (_, marks) => marks.map((mark) => money.format(mark)) }],
    scales: { y: { range: (_, least, most) => [0, Math.max(most, 0.01) * 1.05] } },
    series: [
      { label: "Day", value: (_, at) => (at === null ? "–" : day.format(at * 1000)) },
      ...meters.map((meter) => ({
        label: meter.name,
        stroke: colour(`slot${meter.slot}`),
        dash: DASHES[meter.slot],
        width: 2,
        points: { show: days.length < 3 },
        value: (_, amount) => (amount === null ? "–" : money.format(amount)),
      })),
    ],
  }, [days, ...series], place);
  new ResizeObserver(() => chart.setSize({ width: wide(), height: 240 })).observe(place);
}

function explore(place) {
  const table = document.querySelector("[data-days]");
  if (!table || typeof uPlot === "undefined") return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Look into the days";
  const hint = document.createElement("p");
  hint.className = "quiet";
  hint.textContent = `One line per meter, in ${table.dataset.currency}. Point at a day for its figures, drag to zoom, double-click to see all, click a name to hide it. The table below has the same figures.`;
  button.addEventListener("click", () => {
    button.replaceWith(hint);
    draw(place, table);
  });
  place.append(button);
  place.hidden = false;
}

document.addEventListener("submit", onceOnly);
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
const part = document.querySelector("[data-now]");
if (part) setInterval(freshen, EVERY_MS, part);
const place = document.querySelector("[data-explore]");
if (place) explore(place);
if (new URLSearchParams(location.search).has("said")) {
  const plain = new URL(location.href);
  plain.searchParams.delete("said");
  plain.searchParams.delete("at");
  history.replaceState(null, "", plain);
}
