// The users, for admins: blocks and deletes accounts, and sets limits.

import { $, $$, confirmDelete, send } from "./page.js";

const limits = $("#limits");
const MEGABYTE = 1e6;

/** Sends a change of a user; the page then shows how they are. */
async function change(method, id, body) {
  if (await send(method, `/admin/users/${id}`, body)) {
    location.reload();
  }
}

/** The number in a field; null if it is empty. */
const number = (field) => (field.value === "" ? null : Number(field.value));

function openLimits({ id, name, maxImages, maxBytes }) {
  const { max_images: images, max_megabytes: megabytes } = $("form", limits).elements;
  $(".name", limits).textContent = name;
  images.value = maxImages ?? "";
  megabytes.value = maxBytes === undefined ? "" : Number(maxBytes) / MEGABYTE;
  limits.returnValue = "cancel";
  limits.onclose = () => {
    if (limits.returnValue === "save") {
      const bytes = number(megabytes);
      change("PATCH", id, { max_images: number(images), max_bytes: bytes === null ? null : Math.round(bytes * MEGABYTE) });
    }
  };
  limits.showModal();
}

for (const row of $$(".rows li")) {
  const user = row.dataset;
  $(".limits", row)?.addEventListener("click", () => openLimits(user));
  $(".block", row)?.addEventListener("click", () => change("PATCH", user.id, { blocked: true }));
  $(".unblock", row)?.addEventListener("click", () => change("PATCH", user.id, { blocked: false }));
  $(".delete", row)?.addEventListener("click", async () => {
    $("#confirm .name").textContent = user.name;
    if (await confirmDelete($("#confirm"))) {
      await change("DELETE", user.id);
    }
  });
}
