// Several users of one service: what each of them, and a stranger, sees and is offered.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { OpenIdProvider, link, openAs, serviceWith } from "./providers.mjs";
import { close, closeBrowser, file, open, picture, until } from "./support.mjs";

after(closeBrowser);

const start = (context, others) => serviceWith(context, async (origin) => [await OpenIdProvider.start(origin)], others);

const tile = (page, name) => page.locator(".tile", { has: page.getByText(name, { exact: true }) });

/** Uploads an image as the user of the page; returns its address. */
async function upload(page, name, visibility = "private") {
  await page.locator("#picker").setInputFiles([file(name, picture(name.length))]);
  const made = tile(page, name);
  await until(`${name} is ready`, async () => await made.getAttribute("data-status") === "ready");
  const address = `/images/${await made.getAttribute("data-id")}`;
  if (visibility === "public") {
    const status = await page.evaluate(async (path) => (await fetch(path, { method: "PATCH", body: '{"visibility":"public"}' })).status, address);
    assert.equal(status, 200);
  }
  return address;
}

async function makeToken(page, name) {
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.getByRole("button", { name: `Revoke: ${name}`, exact: true }).waitFor();
}

/** The page as a person sees it; a problem page has the status 401, which the console reports. */
const closeAfterRefusal = async (page) => {
  page.complaints = page.complaints.filter((complaint) => !complaint.includes("status of 401"));
  await close(page);
};

test("Back shows neither a token that was made nor, after signing out, the account", async (context) => {
  const service = await start(context);
  const page = await openAs(service, "ada", "/account", { keepsPages: true });
  await makeToken(page, "my laptop");
  assert.match(await page.locator("#token-command").textContent(), /planet_/);
  await link(page, "API").click();
  await page.waitForURL(`${service.origin}/docs`);
  await page.goBack({ waitUntil: "commit" });
  await page.getByRole("button", { name: "Revoke: my laptop" }).waitFor();
  assert.doesNotMatch(await page.content(), /planet_\w{30}/);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  await page.goBack({ waitUntil: "commit" });
  await page.getByRole("link", { name: "Sign in" }).first().waitFor();
  assert.doesNotMatch(await page.content(), /planet_\w{30}|ada@example\.org/);
  await closeAfterRefusal(page);
});

test("Back does not show a link that was made", async (context) => {
  const service = await start(context);
  const page = await openAs(service, "ada", "/", { keepsPages: true });
  await page.goto(service.origin + await upload(page, "mine.bmp"));
  await page.getByText("Share by a link").click();
  await page.getByRole("button", { name: "Make a link" }).click();
  await page.locator(".made code").filter({ hasText: "/s/" }).waitFor();
  await link(page, "API").click();
  await page.waitForURL(`${service.origin}/docs`);
  await page.goBack({ waitUntil: "commit" });
  await page.getByText("Share by a link").waitFor();
  assert.doesNotMatch(await page.content(), /\/s\/\w{20}/);
  await close(page);
});

test("on a phone, a long name takes one line, and every Revoke is at the right", async (context) => {
  const service = await start(context);
  const viewport = { width: 390, height: 844 };
  const page = await openAs(service, `Maximilian-${"von-Hohenzollern".repeat(8).replaceAll("-", "")}`, "/account", { viewport });
  await makeToken(page, "x");
  await makeToken(page, "the machine below the desk in the second room, and the other one beside it");
  const buttons = await page.getByRole("button", { name: /^(Revoke|Sign out): / }).all();
  assert.equal(buttons.length, 3);
  for (const button of buttons) {
    const [box, text] = [await button.boundingBox(), await button.locator("..").locator("strong").boundingBox()];
    assert.ok(Math.abs(box.x + box.width - 374) < 2, `at the right edge: ${JSON.stringify(box)}`);
    assert.ok(text.x + text.width <= box.x, "beside the name");
  }
  const [before, line] = [await page.locator(".made p").first().boundingBox(), await page.locator(".made .line").boundingBox()];
  assert.ok(line.y - before.y - before.height >= 6, "a gap above the command");
  for (const path of ["/account", "/"]) {
    await page.goto(service.origin + path);
    assert.ok((await page.locator(".bar").boundingBox()).height < 70, `${path}: the header has one line`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${path}: ${width}`);
  }
  await close(page);
});

test("only images that the user may delete offer it", async (context) => {
  const service = await start(context, { ADMINS: "root@example.org" });
  const [ada, bob] = [await openAs(service, "ada"), await openAs(service, "bob")];
  await upload(ada, "hers.bmp", "public");
  await upload(bob, "his.bmp", "public");
  await bob.goto(`${service.origin}/?owner=public`);
  const button = (page, name) => tile(page, name).locator(".remove");
  await tile(bob, "his.bmp").hover();
  assert.equal(await button(bob, "his.bmp").isVisible(), true);
  await tile(bob, "hers.bmp").hover();
  assert.equal(await button(bob, "hers.bmp").isVisible(), false);

  const bar = bob.getByRole("region", { name: "Selected images" });
  await tile(bob, "his.bmp").locator(".pick").check();
  assert.equal(await bar.getByRole("button", { name: "Delete" }).isVisible(), true);
  await tile(bob, "hers.bmp").locator(".pick").check();
  assert.equal(await bar.getByRole("button", { name: "Delete" }).isVisible(), false);
  await bar.getByRole("button", { name: "Download" }).click();
  await bob.locator("#toast.shown").waitFor();
  await until("the message is above the bar", async () => {
    const [toast, box] = [await bob.locator("#toast").boundingBox(), await bar.boundingBox()];
    return toast.y + toast.height <= box.y;
  });

  const root = await openAs(service, "root", "/?owner=public");
  await tile(root, "hers.bmp").hover();
  assert.equal(await button(root, "hers.bmp").isVisible(), true);
  for (const page of [ada, bob, root]) {
    await close(page);
  }
});

test("Mine says which images are public", async (context) => {
  const service = await start(context);
  const page = await openAs(service, "ada");
  await upload(page, "open.bmp", "public");
  await upload(page, "closed.bmp");
  const word = (name) => tile(page, name).locator(".visibility").textContent();
  await until("an event marks it", async () => await word("open.bmp") === "public · ");
  await page.reload();
  assert.equal(await word("open.bmp"), "public · ");
  assert.equal(await word("closed.bmp"), "");
  await page.goto(`${service.origin}/?owner=public`);
  assert.equal(await tile(page, "open.bmp").locator(".visibility").isVisible(), false, "there, all of them are");
  await close(page);
});

test("a stranger is asked to sign in, where users upload", async (context) => {
  const service = await start(context);
  const stranger = await open();
  await stranger.goto(service.origin);
  await stranger.getByText("No public images.").waitFor();
  const ask = stranger.getByRole("link", { name: "Sign in to upload" });
  assert.match(await ask.getAttribute("href"), /^\/auth\/login/);
  assert.equal(await stranger.getByText("Choose images").count(), 0);
  await close(stranger);

  const page = await openAs(service, "ada");
  await page.getByText(`curl -H "Authorization: Bearer $PLANET_TOKEN" -F image=@photo.jpg ${service.origin}/images`).waitFor();
  await page.context().clearCookies();
  await page.locator("#picker").setInputFiles([file("late.bmp")]);
  const failure = page.getByRole("list", { name: "Files that were not uploaded" });
  const again = failure.getByRole("link", { name: "Sign in to upload" });
  assert.equal(await again.getAttribute("href"), "/auth/login?return_to=%2F");
  await failure.getByRole("button", { name: "Try again" }).waitFor();
  await closeAfterRefusal(page);
});

test("the page of an image says who may see it, also without scripts", async (context) => {
  const service = await start(context, { PUBLIC_IMAGES: "no" });
  const page = await openAs(service, "ada");
  const [closed, shared] = [await upload(page, "closed.bmp"), await upload(page, "open.bmp", "public")];
  const plain = await open({ javaScriptEnabled: false, storageState: await page.context().storageState() });
  for (const [path, text] of [[closed, "Private: only you may see this image."], [shared, "Public: everyone who is signed in may see this image."]]) {
    await plain.goto(service.origin + path);
    assert.equal(await plain.locator(".sharing p").first().textContent(), text);
    assert.equal(await plain.locator(".sharing p").first().isVisible(), true);
    assert.equal(await plain.getByLabel("Visibility").isVisible(), false);
  }
  const bob = await openAs(service, "bob", shared);
  await bob.getByText("Public: everyone who is signed in may see this image.").waitFor();
  await page.goto(service.origin + closed);
  await page.getByLabel("Visibility").selectOption("Public: everyone who is signed in");
  await page.getByText("Public: everyone who is signed in may see the image.").waitFor();
  for (const one of [page, plain, bob]) {
    await close(one);
  }
});
