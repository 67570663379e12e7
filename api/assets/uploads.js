// Sends images, several at a time, and tells how far each is.

import { $, size } from "./page.js";

const AT_ONCE = 3;
const waiting = [];
let running = 0;

/** Queues files; `list` shows them, and `stored(image)` hears of each that the service keeps. */
export function upload(files, list, stored) {
  for (const file of files) {
    waiting.push({ file, row: show(file, list), key: key(), list, stored });
  }
  list.hidden = list.children.length === 0;
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length > 0) {
    send(waiting.shift());
  }
}

function show(file, list) {
  const row = document.createElement("li");
  row.innerHTML = '<span class="name"></span><progress max="1" value="0"></progress><span class="state"></span>'
    + '<button type="button" class="quiet"></button>';
  $(".name", row).textContent = file.name || "pasted image";
  $("progress", row).setAttribute("aria-label", `Upload of ${file.name || "pasted image"}`);
  say(row, "waiting");
  offer(row, "Cancel", () => {
    const index = waiting.findIndex((job) => job.row === row);
    if (index >= 0) {
      waiting.splice(index, 1);
      leave(row, list);
    }
  });
  list.append(row);
  return row;
}

function send(job) {
  const { file, row, list } = job;
  running += 1;
  const request = new XMLHttpRequest(); // fetch does not tell how much it has sent
  const bar = $("progress", row);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total > 0 ? loaded / total : 0;
    say(row, loaded < total ? `${size(loaded)} of ${size(total)}` : "checking and storing");
  });
  request.addEventListener("loadend", () => {
    running -= 1;
    next();
  });
  request.addEventListener("load", () => {
    const answer = request.response ?? {};
    if (request.status === 200 || request.status === 201) {
      bar.value = 1;
      leave(row, list);
      job.stored(answer);
    } else {
      fail(job, answer.detail ?? `the service answered ${request.status}`, request.status >= 500 || request.status === 409);
    }
  });
  request.addEventListener("error", () => fail(job, "the connection was lost", true));
  request.addEventListener("abort", () => leave(row, list));
  request.open("POST", "/images");
  request.responseType = "json";
  // a second try after a lost answer finds what the first one stored
  request.setRequestHeader("Idempotency-Key", job.key);
  request.setRequestHeader("Accept", "application/json");
  const form = new FormData();
  form.append("image", file, file.name || "pasted.png");
  request.send(form);
  say(row, "sending");
  offer(row, "Cancel", () => request.abort());
}

function fail(job, why, again) {
  const { row, list } = job;
  row.classList.add("failed");
  say(row, why);
  if (!again) {
    offer(row, "Dismiss", () => leave(row, list));
    return;
  }
  offer(row, "Try again", () => {
    row.classList.remove("failed");
    $("progress", row).value = 0;
    waiting.unshift(job);
    say(row, "waiting");
    next();
  });
}

function say(row, state) {
  $(".state", row).textContent = state;
}

function offer(row, label, act) {
  const button = $("button", row);
  button.textContent = label;
  button.onclick = act;
}

function leave(row, list) {
  row.remove();
  list.hidden = list.children.length === 0;
}

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
