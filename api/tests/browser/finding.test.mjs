// Finding images: orders, the search, counts, dates, a selection, and the way from one image to the next.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Service, close, closeBrowser, drawn, open, picture, until } from "./support.mjs";

let service;
const images = {};
before(async () => {
  service = await Service.start({
    MAX_SEARCHED_IMAGES: "60",
    PRESETS: "default?width=40&symbols=half&color=full&color_on=both small?width=20",
  });
  for (const [name, width] of [["beach b.bmp", 90], ["Beach A.bmp", 60], ["mountain.bmp", 120]]) {
    images[name] = await service.upload(name, picture(width, width, 60));
  }
  for (let n = 0; n < 70; n += 1) {
    await service.upload(`road ${String(n).padStart(2, "0")}.bmp`, picture(n, 24 + n, 16), 0);
  }
});
after(async () => { await closeBrowser(); await service.stop(); });

const names = (page) => page.locator(".tile .name").allTextContents();

async function shows(page, expected) {
  let seen;
  await until(`${expected} are shown`, async () => {
    seen = await names(page);
    return JSON.stringify(seen.slice(0, expected.length)) === JSON.stringify(expected);
  }).catch((error) => assert.fail(`${error.message}: ${seen}`));
}

test("images are sorted, and found by name", async () => {
  const page = await open();
  await page.goto(service.origin);
  await page.getByRole("heading", { name: "60+ images" }).waitFor();
  await page.getByLabel("Order").selectOption("name");
  await page.waitForURL(/sort=name/);
  await shows(page, ["Beach A.bmp", "beach b.bmp", "mountain.bmp", "road 00.bmp"]);
  await page.getByLabel("Search by name").fill("BEACH");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=BEACH/);
  await shows(page, ["Beach A.bmp", "beach b.bmp"]);
  assert.equal(await page.locator(".tile").count(), 2);
  await page.getByRole("heading", { name: "2+ images found" }).waitFor();
  // what arrives is shown at its place, if it is searched for
  const told = page.evaluate(() => new Promise((resolve) => {
    const events = new EventSource("/images/events");
    events.addEventListener("image", ({ data }) => JSON.parse(data).name === "zebra.bmp" && resolve(events.close()));
  }));
  const arrived = await service.upload("Beach AA.bmp", picture(4));
  const other = await service.upload("zebra.bmp", picture(5));
  await told;
  await shows(page, ["Beach A.bmp", "Beach AA.bmp", "beach b.bmp"]);
  assert.equal(await page.locator(".tile").count(), 3);
  for (const image of [arrived, other]) {
    await fetch(service.origin + image.links.text, { method: "DELETE" });
  }
  await until("it is gone", async () => await page.locator(".tile").count() === 2);

  await page.goto(`${service.origin}/?q=nowhere&sort=oldest`);
  await page.getByText("No image has “nowhere” in its name.").waitFor();
  assert.equal(await page.getByLabel("Order").inputValue(), "oldest");
  await page.getByRole("link", { name: "Show all images" }).click();
  await page.getByRole("heading", { name: "60+ images" }).waitFor();
  await close(page);
});

for (const [sort, first, last] of [["oldest", "beach b.bmp", "road 69.bmp"], ["size", "mountain.bmp", "road 00.bmp"], ["name", "Beach A.bmp", "road 69.bmp"]]) {
  test(`a list by ${sort} is scrolled to its end, and keeps the place`, async () => {
    const page = await open({ viewport: { width: 1000, height: 500 } });
    await page.goto(`${service.origin}/?sort=${sort}`);
    assert.equal((await names(page))[0], first);
    await until("the end of the page", async () => {
      await page.evaluate(() => scrollBy(0, innerHeight));
      return (await names(page)).at(-1) === last;
    });
    await page.waitForURL((url) => url.searchParams.has("cursor"));
    const firstInView = () => page.evaluate(() => {
      const tile = [...document.querySelectorAll(".tile")].find((tile) => tile.getBoundingClientRect().bottom > 0);
      const top = tile?.getBoundingClientRect().top;
      return tile && { name: tile.querySelector(".name").textContent, top, isSaved: Math.abs((history.state?.offset ?? NaN) + top) <= 1 };
    });
    let place;
    await until("the place is saved", async () => {
      place = await firstInView();
      return place?.isSaved;
    });
    await page.reload();
    await until(`the place is kept: ${place.name} at ${place.top}`, async () => {
      const found = await firstInView();
      return found?.name === place.name && Math.abs(found.top - place.top) <= 2;
    });
    await until("the start is there", async () => {
      await page.evaluate(() => scrollTo(0, 0));
      return (await names(page))[0] === first;
    });
    await close(page);
  });
}

test("every tile says when its image was uploaded", async () => {
  const page = await open({ timezoneId: "Pacific/Auckland" });
  await page.goto(service.origin);
  const time = page.locator(".tile time").first();
  const at = await time.getAttribute("datetime");
  const day = new Intl.DateTimeFormat("en-US", { timeZone: "Pacific/Auckland", day: "numeric", month: "short", year: "numeric" });
  const part = Object.fromEntries(day.formatToParts(new Date(at)).map(({ type, value }) => [type, value]));
  assert.equal(await time.textContent(), `${part.day} ${part.month} ${part.year}`);
  await close(page);
});

test("the viewer leads to the previous and the next image of the list", async () => {
  const page = await open();
  await page.goto(`${service.origin}/?sort=name`);
  await page.locator(".tile", { hasText: "beach b.bmp" }).locator(".screen").click();
  const isAt = (name) => page.locator("h1", { hasText: name }).waitFor();
  const link = (name) => page.getByRole("link", { name });
  await isAt("beach b.bmp");
  await link("Previous").waitFor();
  await link("Next").waitFor();
  await page.keyboard.press("ArrowRight");
  await isAt("mountain.bmp");
  assert.match(page.url(), /#sort=name$/);
  await link("Previous").click();
  await isAt("beach b.bmp");
  await link("Previous").waitFor();
  await page.keyboard.press("ArrowLeft");
  await isAt("Beach A.bmp");
  await link("Next").waitFor();
  assert.equal(await link("Previous").isVisible(), false, "it is the first");
  await page.goBack();
  await page.waitForURL(/\/\?sort=name/);
  await page.goForward();
  await isAt("Beach A.bmp");
  await link("Next").waitFor();
  // an option and a comparison stay
  await page.getByRole("link", { name: "small", exact: true }).click();
  await page.waitForURL(/width=20/);
  // arrow keys in a field are the field's
  await page.locator("[name=width]").focus();
  await page.keyboard.press("ArrowRight");
  await page.locator("#compare-with").selectOption("original");
  assert.match(page.url(), /#sort=name&compare=original$/);
  await link("Next").click();
  await isAt("beach b.bmp");
  assert.match(page.url(), /width=20#sort=name$/);
  await close(page);
});

test("a swipe leads to the next image", async () => {
  const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.goto(`${service.origin}${images["beach b.bmp"].links.text}#sort=name`);
  await page.getByRole("link", { name: "Next" }).waitFor();
  const line = await page.context().newCDPSession(page);
  const touch = (type, x, y) => line.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
  const { x, y, width } = await page.locator("#render").boundingBox();
  await touch("touchStart", x + width * 0.8, y + 40);
  await touch("touchMove", x + width * 0.5, y + 45);
  await touch("touchMove", x + width * 0.2, y + 45);
  await touch("touchEnd");
  await page.locator("h1", { hasText: "mountain.bmp" }).waitFor();
  await close(page);
});

test("several images are selected, downloaded and deleted", async () => {
  const page = await open({ acceptDownloads: true });
  await page.goto(`${service.origin}/?q=road&sort=oldest`);
  const tile = (n) => page.locator(".tile", { hasText: `road ${n}.bmp` });
  await tile("02").hover();
  await tile("02").getByRole("checkbox").check();
  await page.getByText("1 selected").waitFor();
  await tile("05").locator(".screen").click({ modifiers: ["Shift"] });
  await page.getByText("4 selected").waitFor();
  await tile("04").locator(".screen").click();
  await page.getByText("3 selected").waitFor();
  const downloads = [];
  page.on("download", (download) => downloads.push(download.suggestedFilename()));
  await page.getByRole("region", { name: "Selected images" }).getByRole("button", { name: "Download" }).click();
  await until("the downloads", () => downloads.length === 3);
  assert.deepEqual(downloads.sort(), ["road 02.bmp", "road 03.bmp", "road 05.bmp"]);
  await page.getByRole("region", { name: "Selected images" }).getByRole("button", { name: "Delete" }).click();
  await page.getByText("Delete these 3 images?").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await shows(page, ["road 00.bmp", "road 01.bmp", "road 04.bmp", "road 06.bmp"]);
  assert.equal(await page.getByRole("region", { name: "Selected images" }).isVisible(), false);
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await tile("06").locator(".screen").click();
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("region", { name: "Selected images" }).isVisible(), false);
  await close(page);
});

test("the viewer notices that its image is deleted elsewhere", async () => {
  const { links } = await service.upload("doomed.bmp", picture(8));
  const page = await open();
  const subscribed = page.waitForResponse((response) => response.url().endsWith("/events"));
  await page.goto(service.origin + links.text);
  await drawn(page.locator("#render"));
  await subscribed;
  await fetch(service.origin + links.text, { method: "DELETE" });
  await page.getByText("This image was deleted.", { exact: false }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Delete" }).isVisible(), false);
  await page.getByRole("link", { name: "Next" }).waitFor();
  await close(page);
});

test("a phone shows two pictures in a row or more, panoramas alone, and does not speak of dropping files", async () => {
  for (const n of [1, 2, 3, 4]) await service.upload(`square ${n}.bmp`, picture(n, 16, 16), 0);
  const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.goto(service.origin);
  await drawn(page.locator(".tile img").first());
  const shown = await page.locator(".tile").evaluateAll((tiles) => tiles.map((tile) => {
    const { width, height } = tile.querySelector(".screen").getBoundingClientRect();
    return { top: tile.offsetTop, aspect: width / height };
  }));
  const rows = [...new Set(shown.map(({ top }) => top))].map((top) => shown.filter((tile) => tile.top === top));
  assert.ok(rows.slice(0, 2).every((row) => row.length >= 2), JSON.stringify(rows.slice(0, 2)));
  const alone = rows.slice(0, -1).filter((row) => row.length === 1).flat();
  assert.ok(alone.every(({ aspect }) => aspect > 2.4), JSON.stringify(alone));
  assert.equal(await page.getByText("or drop", { exact: false }).isVisible(), false);
  await close(page);
});
