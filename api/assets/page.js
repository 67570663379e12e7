// What every page with a script shares: words for people, and the service's answers.

export const $ = (selector, from = document) => from.querySelector(selector);
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

/** `112 kB`: as the server writes it. */
export function size(bytes) {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.5 || unit === "GB") {
      return `${value.toFixed(value < 9.95 && unit !== "B" ? 1 : 0)} ${unit}`;
    }
    value /= 1000;
  }
}

/** What an answer that is no success says, in its own words where it has some. */
export async function complaint(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `the service answered ${response.status}`;
}

/** Says something for a while, to those who listen as well. */
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

/** Copies; where the page may not (plain HTTP from another machine), by way of a selection. */
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
      toast("The browser does not let this page copy.");
      return;
    }
  }
  toast(`${what} copied.`);
}

/** Asks whether to delete; true when it was confirmed. */
export function confirmed(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "keep";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
    dialog.showModal();
  });
}

/** Deletes an image; false, and told, when that failed. One that is gone already is gone. */
export async function remove(id) {
  try {
    const response = await fetch(`/images/${id}`, { method: "DELETE" });
    if (response.ok || response.status === 404) {
      return true;
    }
    toast(`Not deleted: ${await complaint(response)}`);
  } catch {
    toast("Not deleted: the service cannot be reached.");
  }
  return false;
}

for (const button of $$("button.copy")) {
  button.addEventListener("click", () => copy($("code", button.parentElement).textContent, "Command"));
}
