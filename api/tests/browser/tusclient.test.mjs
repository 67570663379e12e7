// A client of tus, through a proxy that cuts connections at random places, to two API processes in turn.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Upload } from "tus-js-client";
import { bitmap, freePort, until } from "./support.mjs";

const programs = dirname(process.env.PLANET);
const seed = Number(process.env.SEED ?? 7);

/** Numbers from 0 to 1, the same for a seed (Numerical Recipes' generator). */
function numbers(state) {
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Leads each connection to the next of `ports`, and cuts those with many bytes at a random place. */
async function cuttingProxy(ports, next, cuts) {
  let turn = 0;
  const proxy = createServer((client) => {
    const service = connect(ports[turn++ % ports.length], "127.0.0.1");
    let left = cuts.left > 0 ? 100_000 + Math.floor(next() * 12_000_000) : Infinity;
    client.on("data", (chunk) => {
      left -= chunk.length;
      if (left < 0) {
        cuts.left -= 1;
        cuts.made += 1;
        client.destroy();
        service.destroy();
        return;
      }
      service.write(chunk) || (client.pause(), service.once("drain", () => client.resume()));
    });
    service.on("data", (chunk) => client.write(chunk));
    for (const [one, other] of [[client, service], [service, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.end());
    }
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  return proxy;
}

test(`a client of tus stores what it sends, wherever it is cut (seed ${seed})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "planet-tus-"));
  const env = { PATH: process.env.PATH, RUST_LOG: "warn", MAX_UPLOAD_BYTES: String(200 << 20) };
  spawnSync(join(programs, "planet-admin"), ["migrate"], { cwd: folder, env });
  const ports = [await freePort(), await freePort()];
  const services = ports.map((port) => spawn(join(programs, "planet-api"), {
    cwd: folder, env: { ...env, BIND: `127.0.0.1:${port}` }, stdio: ["ignore", "inherit", "inherit"],
  }));
  for (const port of ports) {
    await until("the service is ready", () => fetch(`http://127.0.0.1:${port}/readyz`).then((answer) => answer.ok, () => false));
  }
  const cuts = { left: 8, made: 0 };
  const proxy = await cuttingProxy(ports, numbers(seed), cuts);
  const file = bitmap(3600, 2800, (x, y) => [x % 256, y % 256, (x * y) % 256]);
  let location;
  await new Promise((onSuccess, onError) => {
    const upload = new Upload(file, {
      endpoint: `http://127.0.0.1:${proxy.address().port}/uploads`,
      retryDelays: Array(40).fill(50),
      metadata: { filename: "large.bmp" },
      onSuccess,
      onError,
      onAfterResponse: (_, response) => { location = response.getHeader("Image-Location") ?? location; },
    });
    upload.start();
  });
  assert.ok(cuts.made > 2, `${cuts.made} cuts`);
  const original = await fetch(`http://127.0.0.1:${ports[0]}${location}/original`);
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(hash(Buffer.from(await original.arrayBuffer())), hash(file));
  const images = await (await fetch(`http://127.0.0.1:${ports[1]}/images`)).json();
  assert.deepEqual(images.items.map(({ name }) => name), ["large.bmp"]);
  proxy.close();
  services.forEach((service) => service.kill("SIGTERM"));
  await Promise.all(services.map((service) => new Promise((done) => service.on("exit", done))));
  await rm(folder, { recursive: true });
});
