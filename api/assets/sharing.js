// Who may see the image of the viewer: its visibility, and links that show it to everyone who has them.

import { $, formatDay, send, toast } from "./page.js";

const section = $(".sharing");
const visibility = $("select[name=visibility]", section);
const form = $("form", section);
const links = $("ul", section);
const made = $(".made", section);
const image = `/images/${section.dataset.id}`;

function row({ id, created_at, expires_at }) {
  const item = document.createElement("li");
  const text = document.createElement("p");
  text.className = "details";
  const end = expires_at ? `until ${formatDay(expires_at)[0]}` : "until it is revoked";
  text.textContent = `A link of ${formatDay(created_at)[0]}, ${end}`;
  const revoke = Object.assign(document.createElement("button"), { type: "button", textContent: "Revoke" });
  revoke.addEventListener("click", async () => {
    if (await send("DELETE", `${image}/shares/${id}`)) {
      made.hidden = true;
      await showLinks();
    }
  });
  item.append(text, revoke);
  return item;
}

async function showLinks() {
  const response = await send("GET", `${image}/shares`);
  if (response) {
    links.replaceChildren(...(await response.json()).items.map(row));
  }
}

let shown = visibility.value;
visibility.addEventListener("change", async () => {
  const response = await send("PATCH", image, { visibility: visibility.value });
  if (response) {
    shown = visibility.value;
    toast(`${visibility.selectedOptions[0].textContent} may see the image.`);
  } else {
    visibility.value = shown;
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const seconds = Number(new FormData(form).get("expires_in_s"));
  const response = await send("POST", `${image}/shares`, seconds ? { expires_in_s: seconds } : {});
  if (response) {
    $("code", made).textContent = new URL((await response.json()).url, location);
    made.hidden = false;
    await showLinks();
  }
});

// a page that the browser keeps, to go back to, must not show the link
addEventListener("pagehide", () => {
  $("code", made).textContent = "";
  made.hidden = true;
});

$("details", section).addEventListener("toggle", showLinks);
