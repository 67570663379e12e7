// The README's pictures, from the running product: node screenshots.mjs FOLDER

import { join } from "node:path";
import { worlds } from "./scenes.mjs";
import { Service, close, closeBrowser, drawn, open } from "./support.mjs";

const folder = process.argv[2] ?? ".";
const service = await Service.start();
const images = {};
for (const [name, bytes] of worlds()) {
  images[name] = await service.upload(name, bytes);
}

async function shoot(file, path, options, prepare = () => {}) {
  const page = await open({ viewport: { width: 1280, height: 800 }, ...options });
  // readers of the README have the service at its default port
  await page.goto(service.origin + path);
  for (const picture of await page.locator("main img:visible").all()) {
    await drawn(picture);
  }
  await prepare(page);
  await page.evaluate((port) => {
    for (const code of document.querySelectorAll("code")) {
      code.textContent = code.textContent.replace(`127.0.0.1:${port}`, "localhost:8080");
    }
  }, service.port);
  await page.screenshot({ path: join(folder, file) });
  await close(page);
}

await shoot("gallery.png", "/", { colorScheme: "dark" });
await shoot("viewer.png", `${images["home.bmp"].links.text}?width=110&color=full`, { colorScheme: "light" });
await closeBrowser();
await service.stop();
