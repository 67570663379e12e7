// Uploads images, several at a time, with their progress.

import { $, formatBytes } from "./page.js";

const MAX_CONCURRENT = 3;
const waiting = [];
let running = 0;

/** Queues files. `list` shows their progress; `onStored(image)` is called for each stored image. */
export function upload(files, list, onStored) {
  for (const file of files) {
    waiting.push({ file, row: addRow(file, list), key: randomKey(), list, onStored });
  }
  list.hidden = list.children.length === 0;
  next();
}

function next() {
  while (running < MAX_CONCURRENT && waiting.length > 0) {
    send(waiting.shift());
  }
}

function addRow(file, list) {
  const row = document.createElement("li");
  row.innerHTML = '<span class="name"></span><progress max="1" value="0"></progress><span class="state"></span>'
    + '<button type="button" class="quiet"></button>';
  $(".name", row).textContent = file.name || "pasted image";
  $("progress", row).setAttribute("aria-label", `Upload of ${file.name || "pasted image"}`);
  setState(row, "waiting");
  setButton(row, "Cancel", () => {
    const index = waiting.findIndex((job) => job.row === row);
    if (index >= 0) {
      waiting.splice(index, 1);
      removeRow(row, list);
    }
  });
  list.append(row);
  return row;
}

function send(job) {
  const { file, row, list } = job;
  running += 1;
  const request = new XMLHttpRequest(); // fetch has no upload progress
  const bar = $("progress", row);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total > 0 ? loaded / total : 0;
    setState(row, loaded < total ? `${formatBytes(loaded)} of ${formatBytes(total)}` : "checking and storing");
  });
  request.addEventListener("loadend", () => {
    running -= 1;
    next();
  });
  request.addEventListener("load", () => {
    const body = request.response ?? {};
    if (request.status === 200 || request.status === 201) {
      bar.value = 1;
      removeRow(row, list);
      job.onStored(body);
    } else {
      fail(job, body.detail ?? `the service returned status ${request.status}`, request.status >= 500 || request.status === 409);
    }
  });
  request.addEventListener("error", () => fail(job, "the connection was lost", true));
  request.addEventListener("abort", () => removeRow(row, list));
  request.open("POST", "/images");
  request.responseType = "json";
  // a retry after a lost response finds the image that the first attempt stored
  request.setRequestHeader("Idempotency-Key", job.key);
  request.setRequestHeader("Accept", "application/json");
  const form = new FormData();
  form.append("image", file, file.name || "pasted.png");
  request.send(form);
  setState(row, "sending");
  setButton(row, "Cancel", () => request.abort());
}

function fail(job, reason, canRetry) {
  const { row, list } = job;
  row.classList.add("failed");
  setState(row, reason);
  if (!canRetry) {
    setButton(row, "Dismiss", () => removeRow(row, list));
    return;
  }
  setButton(row, "Try again", () => {
    row.classList.remove("failed");
    $("progress", row).value = 0;
    waiting.unshift(job);
    setState(row, "waiting");
    next();
  });
}

function setState(row, state) {
  $(".state", row).textContent = state;
}

function setButton(row, label, onClick) {
  const button = $("button", row);
  button.textContent = label;
  button.onclick = onClick;
}

function removeRow(row, list) {
  row.remove();
  list.hidden = list.children.length === 0;
}

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
