// The account: makes and revokes tokens, lists and ends sessions, deletes the account.

import { $, confirmDelete, formatDay, send, toast } from "./page.js";

const tokens = $("#tokens");
const sessions = $("#sessions");
const form = $(".new-token");
const date = (time) => formatDay(time)[0];

/** An item of a list, with a button. */
function row(title, details, action, act) {
  const item = document.createElement("li");
  const about = document.createElement("div");
  const name = document.createElement("strong");
  name.textContent = title;
  const text = document.createElement("p");
  text.className = "details";
  text.textContent = details;
  about.append(name, text);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = action;
  button.setAttribute("aria-label", `${action}: ${title}`);
  button.addEventListener("click", act);
  item.append(about, button);
  return item;
}

/** Fills a list with what is at `path`. */
async function fill(list, path, makeRow) {
  const response = await send("GET", path);
  if (response) {
    const { items } = await response.json();
    list.replaceChildren(...items.map(makeRow));
  }
}

const showTokens = () => fill(tokens, "/account/tokens", tokenRow);
const showSessions = () => fill(sessions, "/account/sessions", sessionRow);

function tokenRow({ id, name, scopes, tail, expires_at, used_at }) {
  const used = used_at ? `last used ${date(used_at)}` : "never used";
  const expires = expires_at ? `valid until ${date(expires_at)}` : "valid without end";
  return row(name, `…${tail} · ${scopes.join(", ")} · ${used} · ${expires}`, "Revoke", async () => {
    if (await send("DELETE", `/account/tokens/${id}`)) {
      await showTokens();
    }
  });
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

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const scopes = given.getAll("scopes");
  if (scopes.length === 0) {
    toast("Choose what the token may do.");
    return;
  }
  const body = { name: given.get("name"), scopes, expires_in_s: Number(given.get("expires_in_s")) };
  const response = await send("POST", "/account/tokens", body);
  if (response) {
    const { token } = await response.json();
    const upload = scopes.includes("upload") ? "-F image=@photo.jpg " : "";
    $("#token-command").textContent = `curl -H 'Authorization: Bearer ${token}' ${upload}${location.origin}/images`;
    $(".made").hidden = false;
    form.reset();
    await showTokens();
  }
});

// a page that the browser keeps, to go back to, must not show the token
addEventListener("pagehide", () => {
  $("#token-command").textContent = "";
  $(".made").hidden = true;
});

$("#delete-account").addEventListener("click", async () => {
  if (await confirmDelete($("#confirm")) && await send("DELETE", "/account")) {
    location.assign("/");
  }
});

await Promise.all([showTokens(), showSessions()]);
