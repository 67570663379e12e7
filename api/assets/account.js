// The account: makes and revokes tokens, ends sessions, deletes the account.

import { $, confirmDelete, errorMessage, toast } from "./page.js";

const tokens = $("#tokens");
const sessions = $("#sessions");
const form = $(".new-token");
const { origin } = form.closest("section").dataset;
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const date = (text) => day.format(new Date(text));

/** Sends a request; returns the response, or null after a message about the failure. */
async function send(method, path, body) {
  try {
    const headers = { accept: "application/json" };
    if (body) {
      headers["content-type"] = "application/json";
    }
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
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
  button.className = "quiet";
  button.textContent = action;
  button.setAttribute("aria-label", `${action} ${title}`);
  button.addEventListener("click", act);
  item.append(name, text, button);
  return item;
}

async function fill(list, path, makeRow, nothing) {
  const response = await send("GET", path);
  if (response) {
    const { items } = await response.json();
    list.replaceChildren(...items.map(makeRow));
    if (items.length === 0) {
      list.textContent = nothing;
    }
  }
}

const showTokens = () => fill(tokens, "/account/tokens", (token) => {
  const used = token.used_at ? `used ${date(token.used_at)}` : "never used";
  const expires = token.expires_at ? `expires ${date(token.expires_at)}` : "never expires";
  return row(token.name, `…${token.tail} · ${token.scopes.join(", ")} · ${used} · ${expires}`, "Revoke", async () => {
    if (await send("DELETE", `/account/tokens/${token.id}`)) {
      await showTokens();
    }
  });
}, "None yet.");

const showSessions = () => fill(sessions, "/account/sessions", (session) => {
  const title = session.is_current ? "This browser" : "Another browser";
  return row(title, `${session.agent || "unknown"} · signed in ${date(session.created_at)}`, "End", async () => {
    if (await send("DELETE", `/account/sessions/${session.id}`)) {
      await showSessions();
    }
  });
}, "None.");

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
    const what = scopes.includes("upload") ? "-F image=@photo.jpg " : "";
    $("#token-command").textContent = `curl -H 'Authorization: Bearer ${token}' ${what}${origin}/images`;
    $(".made").hidden = false;
    form.reset();
    await showTokens();
  }
});

$("#delete-account").addEventListener("click", async () => {
  if (await confirmDelete($("#confirm")) && await send("DELETE", "/account")) {
    location.assign("/");
  }
});

await Promise.all([showTokens(), showSessions()]);
