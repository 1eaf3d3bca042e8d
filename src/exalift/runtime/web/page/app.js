// Follows the daemon, and asks it for what the user wants. The token lives in this tab alone.

import { duration } from "./figures.js";
import { make, show } from "./view.js";

const PLACE = "exalift token";
const byId = (id) => document.getElementById(id);

let token = sessionStorage.getItem(PLACE) ?? "";
let following = new AbortController();

function headers(more = {}) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

function notice(text, bad = false) {
  const note = make("p", { class: bad ? "notice bad" : "notice" }, text);
  byId("notices").append(note);
  setTimeout(() => note.remove(), bad ? 12000 : 5000);
}

function live(text, state) {
  const element = byId("live");
  element.className = `live ${state}`;
  if (element.textContent !== text) element.textContent = text;
}

// Reads server-sent events by hand, since EventSource cannot send a token.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
  }
}

async function follow(signal) {
  while (!signal.aborted) {
    try {
      const response = await fetch("api/events", { headers: headers(), signal });
      if (response.status === 401) {
        notice((await response.json()).error, true);
        present("");
        return;
      }
      if (!response.ok) throw new Error((await response.json()).error);
      for await (const seen of events(response)) {
        live("live", "on");
        signed(seen);
        show(seen, act);
      }
    } catch (error) {
      if (signal.aborted) return;
      live(`not connected; trying again`, "off");
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function signed(seen) {
  byId("sign-in").hidden = Boolean(seen.tenant);
  byId("signed-in").hidden = !seen.tenant;
  byId("tenant").textContent = seen.oversees ? `${seen.tenant}, sees all` : seen.tenant;
}

function present(value) {
  token = value;
  if (value) sessionStorage.setItem(PLACE, value);
  else sessionStorage.removeItem(PLACE);
  following.abort();
  following = new AbortController();
  follow(following.signal);
}

// Asks the user; the device chosen (or "yes"), or null.
function ask(text, yes, places = []) {
  const dialog = byId("ask");
  byId("ask-text").textContent = text;
  byId("ask-yes").textContent = yes;
  byId("ask-device").hidden = places.length === 0;
  byId("ask-places").replaceChildren(...places.map((place) => make("option", {}, place)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? byId("ask-places").value || "yes" : null), { once: true });
  });
}

async function act(action, job) {
  const what = `${job.program} (${job.name})`;
  const body = {};
  if (action === "migrate") {
    body.device = await ask(`Move ${what} to another device while it runs?`, "Move", job.places.filter((place) => place !== job.device));
    if (!body.device) return;
    notice(`${what} is on its way to ${body.device}`);
  }
  if (action === "cancel" && !(await ask(`Cancel ${what}? Its state is lost.`, "Cancel the job"))) return;
  try {
    const response = await fetch(`api/jobs/${job.name}/${action}`, {
      method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error((await response.json()).error);
    if (action === "checkpoint" || action === "result") {
      save(await response.blob(), action === "result" ? `${job.name}.npz` : `${job.name}.xckpt`);
    } else if (action === "migrate") {
      const move = (await response.json()).migrations.at(-1);
      notice(`${what} moved from ${move.source} to ${move.destination}: down for ${duration(move.downtime_us / 1e6)}`);
    } else {
      notice(`${what} is cancelled`);
    }
  } catch (error) {
    notice(error.message, true);
  }
}

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = byId("token").value.trim();
  byId("token").value = "";
  if (value) present(value);
});
byId("sign-out").addEventListener("click", () => present(""));
present(token);
