// The viewer's form: reads and writes its options, and says beside one why it was refused.

import { $, $$ } from "./page.js";

export const form = $(".controls");
const options = $$("[data-option]", form);

function valueOf(option) {
  const field = $(`[name="${option.dataset.option}"]:checked`, option)
    ?? $(`[name="${option.dataset.option}"]:not([type=radio], [type=checkbox])`, option);
  return field?.value.trim() ?? option.dataset.default;
}

function put(option, value) {
  for (const field of $$("[name]", option)) {
    if (field.type === "radio") {
      field.checked = field.value === value;
    } else if (field.type === "checkbox") {
      field.checked = value === "true";
    } else {
      if (field.tagName === "SELECT" && ![...field.options].some((offer) => offer.value === value)) {
        field.add(new Option("As asked", value));
      }
      field.value = value;
    }
  }
  echo(option);
}

/** Shows a value beside its slider, and on its twin. */
export function echo(option) {
  const output = $("output", option);
  if (output) {
    output.textContent = valueOf(option);
  }
  const twin = $("input[type=range]:not([name])", option);
  if (twin) {
    twin.value = valueOf(option);
  }
}

/** What the form says, as an address has it. */
export function query() {
  const given = new URLSearchParams();
  for (const option of options) {
    const [name, value] = [option.dataset.option, valueOf(option)];
    // a size is always there, as in the canonical form
    if (value !== "" && (value !== option.dataset.default || name === "width")) {
      given.set(name, value);
    }
  }
  return given;
}

/** Fills the form in. */
export function take(given) {
  for (const option of options) {
    put(option, given.get(option.dataset.option) ?? option.dataset.default);
  }
  if (!given.has("width") && given.has("height")) {
    put(options.find((option) => option.dataset.option === "width"), "");
  }
}

const refusal = document.createElement("p");
refusal.id = "refusal";
refusal.className = "refused";
refusal.setAttribute("role", "alert");

/** Takes back what `refuse` said. */
export function accept() {
  refusal.remove();
  for (const field of $$("[aria-invalid]", form)) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

/**
 * Says why a look was refused beside the option that the reason names, by the option's label; else beside `touched`.
 * False where that is no option, either.
 */
export function refuse(reason, touched) {
  const named = options.find((option) => reason.split(/[ :]/)[0] === option.dataset.option);
  const option = named ?? options.find((option) => option === touched);
  accept();
  if (!option) {
    return false;
  }
  const label = $(":scope > span, legend", option).textContent;
  refusal.textContent = named ? label + reason.slice(named.dataset.option.length) : reason;
  for (const field of $$("[name]", option)) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", refusal.id);
  }
  option.closest("details").open = true;
  option.after(refusal);
  refusal.scrollIntoView({ block: "nearest" });
  return true;
}

/** Why the browser itself takes a field's text for no value, if it does. */
export function unreadable() {
  for (const option of options) {
    const field = $$("[name]", option).find(({ validity }) => validity.badInput);
    if (field) {
      return `${option.dataset.option}: ${field.validationMessage}`;
    }
  }
}
