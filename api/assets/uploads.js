// Uploads images, several at a time, with their progress. Files that are not uploaded are told together.

import { $, formatBytes } from "./page.js";
import { MIN_BYTES, sendInPieces } from "./resumable.js";

const MAX_CONCURRENT = 3;
const box = $(".uploads");
box.innerHTML = '<ul class="running" aria-label="Uploads"></ul>'
  + '<p class="waiting" hidden><span role="status"></span><button type="button" class="quiet">Cancel all</button></p>'
  + '<div class="failures" hidden><p class="head"><strong role="status"></strong>'
  + '<button type="button" class="details-button quiet" aria-expanded="false">Details</button>'
  + '<button type="button" class="retry quiet">Try again</button>'
  + '<button type="button" class="dismiss quiet">Dismiss all</button></p>'
  + '<ul aria-label="Files that were not uploaded"></ul></div>';
const [runningList, waitingLine, failures] = [".running", ".waiting", ".failures"].map((name) => $(name, box));
const failureList = $("ul", failures);
const detailsButton = $(".details-button", failures);

/** Files that are not sent yet, the next one first. */
let waiting = [];
let running = 0;
/** Those that were not uploaded. */
let failed = [];

/** Queues files. `onStored(image)` is called for each stored image. */
export function upload(files, onStored) {
  waiting.push(...files.map((file) => ({ file, key: randomKey(), onStored })));
  next();
}

function next() {
  while (running < MAX_CONCURRENT && waiting.length > 0) {
    send(waiting.shift());
  }
  show();
}

/** Shows what is waiting and what failed. */
function show() {
  waitingLine.hidden = waiting.length === 0;
  $("span", waitingLine).textContent = `${waiting.length} more ${waiting.length === 1 ? "file" : "files"} waiting`;
  const isOne = failed.length === 1;
  failures.hidden = failed.length === 0;
  $(".head", failures).hidden = isOne;
  $("strong", failures).textContent = `${failed.length} files were not uploaded`;
  $(".retry", failures).hidden = !failed.some(({ canRetry }) => canRetry);
  failureList.hidden = !isOne && detailsButton.getAttribute("aria-expanded") === "false";
  box.hidden = running === 0 && waiting.length === 0 && failed.length === 0;
}

function makeRow(content) {
  const row = document.createElement("li");
  row.innerHTML = `<span class="name"></span>${content}`;
  return row;
}

function send(job) {
  const { file } = job;
  running += 1;
  const row = makeRow('<progress max="1" value="0"></progress><span class="state">sending</span>'
    + '<button type="button" class="quiet">Cancel</button>');
  const [bar, state] = [$("progress", row), $(".state", row)];
  $(".name", row).textContent = file.name;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  runningList.append(row);

  const showProgress = (loaded, total) => {
    bar.value = total > 0 ? loaded / total : 0;
    state.textContent = loaded < total ? `${formatBytes(loaded)} of ${formatBytes(total)}` : "checking and storing";
  };
  const end = () => {
    row.remove();
    running -= 1;
    next();
  };
  if (file.size > MIN_BYTES) {
    const cancel = new AbortController();
    $("button", row).addEventListener("click", () => cancel.abort());
    sendInPieces(file, {
      signal: cancel.signal,
      onProgress: (sent) => showProgress(sent, file.size),
      onWait: () => { state.textContent = "waiting for the connection"; },
    }).then(job.onStored, (error) => {
      if (!cancel.signal.aborted) {
        fail(job, error.status === 401 ? signInLink() : error.message, error.canRetry ?? true);
      }
    }).finally(end);
    return;
  }

  const request = new XMLHttpRequest(); // fetch has no upload progress
  request.upload.addEventListener("progress", ({ loaded, total }) => showProgress(loaded, total));
  request.addEventListener("load", () => {
    const { status } = request;
    if (status === 200 || status === 201) {
      job.onStored(request.response ?? {});
    } else {
      // what is refused for itself will be refused again
      const canRetry = status >= 500 || [401, 408, 409, 429].includes(status);
      const reason = status === 401 ? signInLink() : request.response?.detail;
      fail(job, reason ?? `the service returned status ${status}`, canRetry);
    }
  });
  request.addEventListener("error", async () => {
    const isReadable = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    fail(job, isReadable ? "the connection was lost" : "the file cannot be read: it was changed or removed", isReadable);
  });
  request.addEventListener("loadend", end);
  $("button", row).addEventListener("click", () => request.abort());
  request.open("POST", "/images");
  request.responseType = "json";
  // a retry after a lost response finds the image that the first attempt stored
  request.setRequestHeader("Idempotency-Key", job.key);
  request.setRequestHeader("Accept", "application/json");
  const form = new FormData();
  form.append("image", file, file.name);
  request.send(form);
}

/** A link to sign in, in another tab: this one keeps the files, to try again. */
function signInLink() {
  const href = `/auth/login?return_to=${encodeURIComponent(location.pathname + location.search)}`;
  return Object.assign(document.createElement("a"), { href, target: "_blank", textContent: "Sign in to upload" });
}

/** Shows a file that was not uploaded. `reason` is a text or an element. */
function fail(job, reason, canRetry) {
  const row = makeRow('<span class="state"></span><span class="buttons">'
    + '<button type="button" class="retry quiet">Try again</button><button type="button" class="dismiss quiet">Dismiss</button></span>');
  row.className = "failed";
  $(".name", row).textContent = job.file.name;
  $(".name", row).title = job.file.name;
  $(".state", row).append(reason);
  const failure = { job, row, canRetry };
  $(".retry", row).hidden = !canRetry;
  $(".retry", row).addEventListener("click", () => retry([failure]));
  $(".dismiss", row).addEventListener("click", () => dismiss([failure]));
  failed.push(failure);
  failureList.append(row);
  show();
}

function dismiss(these) {
  these.forEach(({ row }) => row.remove());
  failed = failed.filter((failure) => !these.includes(failure));
  show();
}

function retry(these) {
  dismiss(these);
  waiting.unshift(...these.map(({ job }) => job));
  next();
}

$("button", waitingLine).addEventListener("click", () => {
  waiting = [];
  show();
});
detailsButton.addEventListener("click", () => {
  detailsButton.setAttribute("aria-expanded", String(failureList.hidden));
  show();
});
$(".head .retry", failures).addEventListener("click", () => retry(failed.filter(({ canRetry }) => canRetry)));
$(".head .dismiss", failures).addEventListener("click", () => dismiss(failed));

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
