// Sends a large file in pieces, by the protocol tus 1.0.0: it goes on after a lost connection, and after a reload.

import { errorMessage } from "./page.js";

/** Smaller files are sent as a whole. */
export const MIN_BYTES = 32 * 1024 * 1024;
const PIECE_BYTES = 32 * 1024 * 1024;
/** How often in a row a piece may fail, and the longest wait before the next try. */
const MAX_FAILURES = 30;
const MAX_WAIT_MS = 10_000;
const PROTOCOL = { "Tus-Resumable": "1.0.0" };

/** Why a file is not sent. `canRetry`: another try may succeed; `isPassing`: in a moment, by itself. */
export class Refusal extends Error {
  constructor(message, { canRetry = true, isPassing = canRetry, status } = {}) {
    super(message);
    Object.assign(this, { canRetry, isPassing, status });
  }
}

/**
 * Sends a file; resolves to the image. `onProgress(bytes)` is told how many bytes are stored or sent, and
 * `onWait()` that the connection is lost.
 */
export async function sendInPieces(file, { signal, onProgress, onWait }) {
  const kept = new Kept(file);
  for (let failures = 0; ;) {
    try {
      const address = kept.address ?? await begin(file, kept, signal);
      const head = await fetch(address, { method: "HEAD", headers: PROTOCOL, cache: "no-store", signal });
      if ([404, 410].includes(head.status)) {
        kept.address = null; // it has expired
        throw new Refusal("the upload has expired");
      }
      await check(head, kept);
      let offset = Number(head.headers.get("Upload-Offset"));
      let image = head.headers.get("Image-Location");
      while (!image) {
        const answer = await patch(address, offset, file, signal, (sent) => onProgress(offset + sent));
        await check(answer, kept);
        failures = 0;
        offset = Number(answer.headers.get("Upload-Offset"));
        image = answer.headers.get("Image-Location");
        onProgress(offset);
        if (!image && offset === file.size) {
          throw new Refusal("the service is storing it");
        }
      }
      const metadata = await fetch(`${image}/metadata`, { signal });
      kept.address = null;
      return metadata.ok ? metadata.json() : {};
    } catch (error) {
      if (signal.aborted) {
        kept.address && fetch(kept.address, { method: "DELETE", headers: PROTOCOL, keepalive: true });
        kept.address = null;
        throw error;
      }
      const isFinal = error instanceof Refusal && !error.isPassing;
      if (isFinal || ++failures > MAX_FAILURES || !await isReadable(file)) {
        throw isFinal ? error : new Refusal(await isReadable(file) ? "the connection was lost"
          : "the file cannot be read: it was changed or removed");
      }
      onWait();
      await pause(Math.min(250 * 2 ** failures, MAX_WAIT_MS), signal);
    }
  }
}

/** The address of an upload that has begun, also after a reload: of the same file, as far as can be told. */
class Kept {
  constructor({ name, size, lastModified }) {
    this.key = `upload ${size} ${lastModified} ${name}`;
    this.last = null;
  }

  get address() {
    try {
      return localStorage.getItem(this.key);
    } catch {
      return this.last; // the browser keeps nothing
    }
  }

  set address(address) {
    this.last = address;
    try {
      address === null ? localStorage.removeItem(this.key) : localStorage.setItem(this.key, address);
    } catch {}
  }
}

async function begin(file, kept, signal) {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const headers = { ...PROTOCOL, "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` };
  const answer = await fetch("/uploads", { method: "POST", headers, signal });
  await check(answer, kept);
  kept.address = answer.headers.get("Location");
  return kept.address;
}

/** Throws for a response that is none. What is refused for itself will be refused again. */
async function check(answer, kept) {
  if (answer.ok) {
    return;
  }
  const { status } = answer;
  const canRetry = status >= 500 || [401, 408, 409, 429].includes(status);
  // the address is kept over a sign-in
  const isPassing = canRetry && status !== 401 && !(status === 409 && kept.address === null);
  if (!canRetry) {
    kept.address = null;
  }
  throw new Refusal(await errorMessage(answer), { canRetry, isPassing, status });
}

/** Sends a piece. Only XMLHttpRequest tells how far it has come. */
function patch(address, offset, file, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
    request.addEventListener("load", () => {
      const headers = new Headers();
      for (const name of ["Upload-Offset", "Image-Location"]) {
        const value = request.getResponseHeader(name);
        value && headers.set(name, value);
      }
      const body = request.status === 204 ? null : request.response;
      resolve(new Response(body, { status: request.status, headers }));
    });
    request.addEventListener("loadend", () => {
      signal.removeEventListener("abort", abort);
      reject(new Error("the connection was lost")); // without effect after a response
    });
    signal.addEventListener("abort", abort);
    request.open("PATCH", address);
    request.setRequestHeader("Tus-Resumable", PROTOCOL["Tus-Resumable"]);
    request.setRequestHeader("Upload-Offset", String(offset));
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.send(file.slice(offset, offset + PIECE_BYTES));
  });
}

const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

/** Waits, at most until the browser is online again. */
function pause(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    for (const [target, event] of [[window, "online"], [signal, "abort"]]) {
      target.addEventListener(event, () => {
        clearTimeout(timer);
        done();
      }, { once: true });
    }
  });
}
