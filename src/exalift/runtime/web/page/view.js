// An overview (docs/runtime.md has its fields) onto the page. Text goes in as text, never as markup; elements
// that can have the focus stay the same ones from one overview to the next.

import { count, duration, median, percent, size } from "./figures.js";

const COLOURS = 8;

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A list of elements by key: what is new is made, what is gone is taken out, order follows the rows.
function keep(list, rows, keyOf, create, update) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  rows.forEach((row, index) => {
    const key = keyOf(row);
    let child = known.get(key);
    known.delete(key);
    if (!child) {
      child = create(row);
      child.dataset.key = key;
    }
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
    update(child, row);
  });
  for (const child of known.values()) child.remove();
}

function meter(label) {
  const fill = make("span", { class: "fill" });
  const bar = make("span", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  return bar;
}

function setMeter(bar, share) {
  const value = Math.max(0, Math.min(1, share)) * 100;
  bar.setAttribute("aria-valuenow", value.toFixed(1));
  bar.firstChild.style.width = `${value}%`;
}

export function show(seen, act) {
  showTiles(seen);
  showJobs(seen, act);
  showMoves(seen);
  showDevices(seen);
  showTenants(seen);
}

function movesOf(seen) {
  return seen.jobs
    .flatMap((job) => job.migrations.map((move) => ({ ...move, job })))
    .sort((a, b) => b.at_ms - a.at_ms);
}

function showTiles(seen) {
  const running = seen.jobs.filter((job) => job.status === "running");
  const moves = movesOf(seen);
  const rows = [
    ["Running", seen.tenant ? String(running.length) : "–", `${seen.room.unfinished} of ${seen.room.jobs} jobs here`],
    ["Waiting", String(seen.room.waiting), "of all tenants"],
    ["Devices", `${seen.devices.filter((device) => device.up).length}`, `of ${seen.devices.length} started`],
    ["Migrations", seen.tenant ? String(seen.jobs.reduce((sum, job) => sum + job.moves, 0)) : "–",
      moves.length ? `median down ${duration(median(moves.map((move) => move.downtime_us / 1e6)))}` : "none yet"],
  ];
  keep(byId("tiles"), rows, (row) => row[0],
    (row) => make("div", { class: "tile" }, make("dt", {}, row[0]), make("dd", { class: "figure" }), make("dd", { class: "note" })),
    (tile, row) => {
      setText(tile.children[1], row[1]);
      setText(tile.children[2], row[2]);
    });
}

function order(job) {
  if (job.status === "running") return [0, job.arrival];
  if (job.status === "waiting") return [1, job.queue];
  return [2, -job.arrival];
}

function showJobs(seen, act) {
  const jobs = [...seen.jobs].sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);
  const empty = byId("no-jobs");
  empty.hidden = jobs.length > 0;
  setText(empty, seen.tenant ? "No jobs. Give one: exalift submit job.xcap" : "Present your token to see your jobs, and to move, keep or cancel them.");
  keep(byId("jobs"), jobs, (job) => job.name, () => createJob(act), (card, job) => updateJob(card, job, seen));
}

function createJob(act) {
  const card = make("li", { class: "job" },
    make("div", { class: "job-head" },
      make("h3", {}), make("span", { class: "pill" }), make("code", { class: "name" }), make("span", { class: "where" })),
    make("div", { class: "job-bar" }, meter("progress"), make("span", { class: "figure" })),
    make("p", { class: "note reason" }));
  const buttons = make("p", { class: "row actions" });
  for (const [action, label] of [["migrate", "Move"], ["checkpoint", "Checkpoint"], ["result", "Results"], ["cancel", "Cancel"]]) {
    const button = make("button", { type: "button", "data-action": action }, label);
    button.addEventListener("click", () => act(action, card.job));
    buttons.append(button);
  }
  card.append(make("div", { class: "job-foot" }, make("p", { class: "note place" }), buttons));
  return card;
}

function updateJob(card, job, seen) {
  card.job = job;
  card.className = `job ${job.status}`;
  const find = (selector) => card.querySelector(selector);
  setText(find("h3"), job.program);
  setText(find(".name"), job.name);
  const pill = find(".pill");
  pill.className = `pill ${job.status}`;
  setText(pill, job.status === "waiting" ? `waiting, place ${job.queue}` : job.status);
  const device = job.device ? `${job.device}${job.moving_to ? ` → ${job.moving_to}` : ""}` : "";
  setText(find(".where"), [device, seen.oversees ? `tenant ${job.tenant}` : "", `priority ${job.priority}`, size(job.bytes)].filter(Boolean).join(" · "));
  const progress = job.progress;
  find(".job-bar").hidden = !progress;
  if (progress) {
    setMeter(find(".bar"), progress.share);
    find(".bar").setAttribute("aria-label", `progress of ${job.program}`);
    setText(find(".figure"), percent(progress.share));
  }
  setText(find(".place"), progress ? placeOf(job) : "");
  setText(find(".reason"), job.reason);
  const own = job.tenant === seen.tenant;
  const ended = ["done", "failed", "cancelled"].includes(job.status);
  const able = {
    migrate: job.status === "running" && !job.moving_to && job.places.some((place) => place !== job.device),
    checkpoint: !ended,
    result: job.status === "done",
    cancel: !ended,
  };
  for (const button of card.querySelectorAll("button")) {
    button.hidden = !own || !able[button.dataset.action];
    button.setAttribute("aria-label", `${button.textContent} ${job.program} ${job.name}`);
  }
  find(".actions").hidden = !own || !Object.values(able).some(Boolean);
}

function placeOf(job) {
  const { done, total, rate, step, steps, levels, share } = job.progress;
  if (job.status === "done") return `${count(total)} iterations, ${job.steps} pieces`;
  const parts = [`${count(done)} of ${count(total)} iterations`];
  if (rate > 0) parts.push(`${count(rate)}/s`);
  if (rate > 0 && share < 1) parts.push(`${duration((total - done) / rate)} left`);
  parts.push([`step ${Math.min(step + 1, steps)} of ${steps}`, ...levels.map((level) => `${level.name} ${count(level.value)}/${count(level.end)}`)].join(", "));
  return parts.join(" · ");
}

// The life of each job that moved: a lane of stretches, coloured by device, and a mark at every migration.
function showMoves(seen) {
  const moves = movesOf(seen);
  const none = byId("no-moves");
  none.hidden = moves.length > 0;
  setText(none, seen.tenant ? "None yet." : "Present your token to see those of your jobs.");
  byId("moves").hidden = moves.length === 0;
  const colours = new Map(seen.devices.map((device, index) => [device.name, index % COLOURS]));
  const lanes = seen.jobs.filter((job) => job.migrations.some((move) => move.at_ms)).slice(-12).reverse();
  byId("timeline").replaceChildren(...(lanes.length ? timeline(lanes, seen.time_ms, colours) : []));
  const rows = moves.slice(0, 30).map((move) => make("tr", {},
    make("th", { scope: "row" }, move.job.program, " ", make("code", {}, move.job.name.slice(0, 6))),
    make("td", {}, device(move.source, colours)),
    make("td", {}, device(move.destination, colours)),
    make("td", { class: "number" }, duration(move.downtime_us / 1e6)),
    make("td", { class: "number" }, make("span", { class: move.warm ? "warm" : "cold" }, move.warm ? "warm " : "cold "), duration(move.preparation_us / 1e6)),
    make("td", { class: "number" }, move.at_ms ? duration(Math.max(0, seen.time_ms - move.at_ms) / 1e3) : "")));
  byId("moves").tBodies[0].replaceChildren(...rows);
}

function device(name, colours) {
  return make("span", { class: "device" }, make("span", { class: `dot device-${colours.get(name) ?? 0}` }), name);
}

function timeline(lanes, now, colours) {
  const starts = lanes.map((job) => job.migrations[0].at_ms && job.moves === job.migrations.length && job.submitted_ms ? job.submitted_ms : job.migrations[0].at_ms);
  const from = Math.min(...starts);
  const to = Math.max(...lanes.map((job) => job.ended_ms || now));
  const at = (time) => (100 * (time - from)) / Math.max(1, to - from);
  const used = new Set();
  const drawn = lanes.map((job, index) => {
    const lane = make("div", { class: "lane" });
    const times = [starts[index], ...job.migrations.map((move) => move.at_ms), job.ended_ms || now];
    const places = [job.migrations[0].source, ...job.migrations.map((move) => move.destination)];
    places.forEach((place, position) => {
      used.add(place);
      const stretch = make("span", { class: `stretch device-${colours.get(place) ?? 0}`, title: place });
      stretch.style.left = `${at(times[position])}%`;
      stretch.style.width = `${Math.max(0, at(times[position + 1]) - at(times[position]))}%`;
      lane.append(stretch);
    });
    for (const move of job.migrations) {
      const mark = make("span", { class: "mark", title: `${move.source} → ${move.destination}, down for ${duration(move.downtime_us / 1e6)}` });
      mark.style.left = `${at(move.at_ms)}%`;
      lane.append(mark);
    }
    const told = `${job.program}: ${places.join(", then ")}`;
    lane.setAttribute("role", "img");
    lane.setAttribute("aria-label", told);
    return make("div", { class: "track" }, make("span", { class: "lane-name" }, job.program, " ", make("code", {}, job.name.slice(0, 6))), lane);
  });
  const legend = make("p", { class: "legend" }, ...[...used].map((name) => device(name, colours)));
  const end = now - to < 2000 ? "now" : `${duration((now - to) / 1e3)} ago`;
  const ends = make("p", { class: "axis" }, make("span", {}, `${duration((now - from) / 1e3)} ago`), make("span", {}, end));
  const axis = make("div", { class: "track" }, make("span", {}), ends);
  return [legend, ...drawn, axis];
}

function showDevices(seen) {
  keep(byId("devices"), seen.devices, (row) => row.name,
    (row) => make("li", { class: "card" },
      make("h3", {}, row.name), make("span", { class: "pill" }), make("p", { class: "note" }), meter(`state on ${row.name}`)),
    (card, row) => {
      const pill = card.querySelector(".pill");
      pill.className = row.up ? "pill running" : "pill idle";
      setText(pill, row.up ? "up" : "not started");
      setText(card.querySelector(".note"), `${row.jobs} ${row.jobs === 1 ? "job" : "jobs"}, weight ${row.weight} · ${size(row.bytes)} of ${size(seen.room.bytes)}`);
      setMeter(card.querySelector(".bar"), row.bytes / seen.room.bytes);
    });
}

function showTenants(seen) {
  byId("quotas").hidden = seen.tenants.length === 0;
  keep(byId("tenants"), seen.tenants, (row) => row.name,
    (row) => make("li", { class: "card" }, make("h3", {}, row.name), make("span", { class: "pill idle" }),
      make("p", { class: "note" }), meter(`jobs of ${row.name}`), make("p", { class: "note" }), meter(`state of ${row.name}`)),
    (card, row) => {
      const [jobs, bytes] = card.querySelectorAll(".note");
      const bars = card.querySelectorAll(".bar");
      setText(card.querySelector(".pill"), `up to ${row.highest}`);
      setText(jobs, `${row.jobs} of ${row.most_jobs} jobs`);
      setMeter(bars[0], row.jobs / Math.max(1, row.most_jobs));
      setText(bytes, `${size(row.bytes)} of ${size(row.most_bytes)} of state`);
      setMeter(bars[1], row.bytes / Math.max(1, row.most_bytes));
    });
}
