// Helpers that all scripts share.

export const $ = (selector, from = document) => from.querySelector(selector);
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

/** A number of bytes in SI units, such as `112 kB`; the same format as on the server. */
export function formatBytes(bytes) {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.5 || unit === "GB") {
      return `${value.toFixed(value < 9.95 && unit !== "B" ? 1 : 0)} ${unit}`;
    }
    value /= 1000;
  }
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** One for all: each takes time and memory. */
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" });

/** A time (RFC 3339) as the day at this place, such as `9 Nov 2026`, and in full. */
export function formatDay(time) {
  const at = new Date(time);
  return [`${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}`, fullTime.format(at)];
}

/** A number of images as the service writes it, such as `1,204 images`. `count` is that of a list. */
export function formatCount({ images, is_exact: isExact }, isFound) {
  const digits = String(images).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${digits}${isExact ? "" : "+"} ${images === 1 && isExact ? "image" : "images"}${isFound ? " found" : ""}`;
}

/** The error message of a response: the problem's detail, otherwise the status code. */
export async function errorMessage(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `the service returned status ${response.status}`;
}

/** Shows a message for a few seconds, also to screen readers. */
export function toast(text) {
  let box = $("#toast");
  if (!box) {
    box = document.createElement("p");
    box.id = "toast";
    box.setAttribute("role", "status");
    document.body.append(box);
  }
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => box.classList.remove("shown"), 3500);
}

/** Sends a request with a JSON body; returns the response, or null after a message about the failure. */
export async function send(method, path, body) {
  const headers = { accept: "application/json", ...(body && { "content-type": "application/json" }) };
  try {
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

/** Copies text. Without the Clipboard API (plain HTTP from another machine), with a selection. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) {
      toast("The browser does not allow this page to copy.");
      return;
    }
  }
  toast(`${what} copied.`);
}

/** Opens a dialog that asks whether to delete; resolves to whether the user confirms. */
export function confirmDelete(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "cancel";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
    dialog.showModal();
  });
}

/** Deletes an image. Shows a message and returns false when that fails; an image that no longer exists counts as deleted. */
export async function deleteImage(id) {
  try {
    const response = await fetch(`/images/${id}`, { method: "DELETE" });
    if (response.ok || response.status === 404) {
      return true;
    }
    toast(`Not deleted: ${await errorMessage(response)}`);
  } catch {
    toast("Not deleted: the service is unreachable.");
  }
  return false;
}

for (const button of $$("button.copy")) {
  button.addEventListener("click", () => copy($("code", button.parentElement).textContent, "Command"));
}
