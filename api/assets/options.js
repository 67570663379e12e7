// The form of the viewer: reads and writes the options, and shows errors beside them.

import { $, $$ } from "./page.js";

export const form = $(".controls");
const options = $$("[data-option]", form);

function valueOf(option) {
  const field = $(`[name="${option.dataset.option}"]:checked`, option)
    ?? $(`[name="${option.dataset.option}"]:not([type=radio], [type=checkbox])`, option);
  return field?.value.trim() ?? option.dataset.default;
}

function setValue(option, value) {
  for (const field of $$("[name]", option)) {
    if (field.type === "radio") {
      field.checked = field.value === value;
    } else if (field.type === "checkbox") {
      field.checked = value === "true";
    } else {
      if (field.tagName === "SELECT" && ![...field.options].some((known) => known.value === value)) {
        field.add(new Option("Custom", value));
      }
      field.value = value;
    }
  }
  showValue(option);
}

/** Shows the value of an option beside its slider, and on the slider of a number field. */
export function showValue(option) {
  const output = $("output", option);
  if (output) {
    output.textContent = valueOf(option);
  }
  const slider = $("input[type=range]:not([name])", option);
  if (slider) {
    slider.value = valueOf(option);
  }
}

/** Why an option has no effect beside the values of others; `undefined` if it has one. */
function whyOff(name, value) {
  const isColored = value("color") !== "none";
  const isBlocks = isColored && value("color_on") === "both";
  switch (name) {
    case "color_on":
      return isColored ? undefined : "needs colours";
    case "match":
      return isBlocks ? "not with coloured backgrounds" : undefined;
    case "dither":
      return isBlocks || value("match") !== "ramp" ? "only when matched by brightness" : undefined;
    case "bands":
      return value("expression") === "none" ? undefined : "an expression names its bands";
    case "colormap_name":
      return isColored ? undefined : "needs colours";
    case "azimuth":
    case "angle_altitude":
    case "z_exaggeration":
      return value("algorithm") === "hillshade" ? undefined : "only for a hillshade";
    case "fit":
      return value("width") && value("height") ? undefined : "needs columns and rows";
    default:
      return undefined;
  }
}

/** Turns off the options that have no effect, and says why. */
export function showStates() {
  const value = (name) => valueOf(options.find((option) => option.dataset.option === name));
  for (const option of options) {
    const reason = whyOff(option.dataset.option, value);
    for (const field of $$("[name]", option)) {
      field.disabled = reason !== undefined;
    }
    option.classList.toggle("off", reason !== undefined);
    let note = $(".why", option.parentElement);
    if (reason && !note) {
      note = document.createElement("p");
      note.className = "why";
      option.after(note);
    }
    if (note) {
      note.textContent = reason ?? "";
      note.hidden = !reason;
    }
  }
}

/** The options of the form as a query, without defaults. */
export function readForm() {
  const given = new URLSearchParams();
  for (const option of options) {
    const [name, value] = [option.dataset.option, valueOf(option)];
    // the canonical form always has a width
    if (value !== "" && (value !== option.dataset.default || name === "width")) {
      given.set(name, value);
    }
  }
  return given;
}

/** Fills in the form from a query. */
export function fillForm(given) {
  for (const option of options) {
    setValue(option, given.get(option.dataset.option) ?? option.dataset.default);
  }
  if (!given.has("width") && given.has("height")) {
    setValue(options.find((option) => option.dataset.option === "width"), "");
  }
  showStates();
}

const fieldError = document.createElement("p");
fieldError.id = "field-error";
fieldError.className = "field-error";
fieldError.setAttribute("role", "alert");

/** Removes the message of `showFieldError`. */
export function clearFieldError() {
  fieldError.remove();
  for (const field of $$("[aria-invalid]", form)) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

/**
 * Shows an error beside the option that it names, with the label of that option; otherwise beside `changed`. Returns
 * false when neither is an option.
 */
export function showFieldError(reason, changed) {
  const named = options.find((option) => reason.split(/[ :]/)[0] === option.dataset.option);
  const option = named ?? options.find((option) => option === changed);
  clearFieldError();
  if (!option) {
    return false;
  }
  const label = $(":scope > span, legend", option).textContent;
  fieldError.textContent = named ? label + reason.slice(named.dataset.option.length) : reason;
  for (const field of $$("[name]", option)) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", fieldError.id);
  }
  option.closest("details.group").open = true;
  option.after(fieldError);
  fieldError.scrollIntoView({ block: "nearest" });
  return true;
}

/** The error of a field whose text the browser cannot parse, if there is one. */
export function inputError() {
  for (const option of options) {
    const field = $$("[name]", option).find(({ validity }) => validity.badInput);
    if (field) {
      return `${option.dataset.option}: ${field.validationMessage}`;
    }
  }
}
