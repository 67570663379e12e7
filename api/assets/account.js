// The account: lists and ends sessions.

import { $, errorMessage, toast } from "./page.js";

const sessions = $("#sessions");
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const date = (text) => day.format(new Date(text));

/** Sends a request; returns the response, or null after a message about the failure. */
async function send(method, path) {
  try {
    const response = await fetch(path, { method, headers: { accept: "application/json" } });
    if (response.ok) {
      return response;
    }
    toast(await errorMessage(response));
  } catch {
    toast("The service is unreachable.");
  }
  return null;
}

/** An item of a list, with a button. */
function row(title, details, action, act) {
  const item = document.createElement("li");
  const name = document.createElement("strong");
  name.textContent = title;
  const text = document.createElement("span");
  text.textContent = details;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = action;
  button.setAttribute("aria-label", `${action}: ${title}`);
  button.addEventListener("click", act);
  item.append(name, text, button);
  return item;
}

/** An item for a session. Ending that of this browser leads to the gallery. */
function sessionRow({ id, agent, created_at, seen_at, is_current }) {
  const title = is_current ? "This browser" : "Another browser";
  const details = `${agent || "unknown"} · signed in ${date(created_at)} · last used ${date(seen_at)}`;
  return row(title, details, "Sign out", async () => {
    if (await send("DELETE", `/account/sessions/${id}`)) {
      await (is_current ? location.assign("/") : showSessions());
    }
  });
}

async function showSessions() {
  const response = await send("GET", "/account/sessions");
  if (response) {
    const { items } = await response.json();
    sessions.replaceChildren(...items.map(sessionRow));
  }
}

await showSessions();
