// The dashboard as a person uses it: dashboard.mjs URL REPORT. One line a check; exit 1 where one failed.
// Any console error, page error or request to another host on the way fails the check that was running.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const base = new URL(process.argv[2]);
const report = pathToFileURL(process.argv[3]).href;
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const context = await chromium.launchPersistentContext(process.env.PROFILE, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1280, height: 800 },
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = context.pages()[0] ?? await context.newPage();

let noise = [];
let expected = () => false;
page.on("console", (m) => { if (m.type() === "error" && !expected(m.text())) noise.push(`console: ${m.text()}`); });
page.on("pageerror", (e) => noise.push(`script: ${e.message}`));
context.on("request", (r) => { if (new URL(r.url()).host !== base.host && r.url() !== report) noise.push(`request to ${r.url()}`); });

let passed = 0;
let failed = 0;
async function check(name, work) {
  noise = [];
  try {
    await work();
    if (noise.length) throw new Error(noise.join("; "));
    passed++;
    console.log(`ok   ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}: ${e.message}`);
  }
}
function assert(cond, what) { if (!cond) throw new Error(what); }

const go = (path) => page.goto(new URL(path, base).href, { waitUntil: "load", timeout: 30000 });
const heading = () => page.locator("h1").innerText();

// axe-core goes in through the debugger, so the page's own Content-Security-Policy stays in force.
async function accessible() {
  const cdp = await context.newCDPSession(page);
  await cdp.send("Runtime.evaluate", { expression: axeSource });
  const { result } = await cdp.send("Runtime.evaluate", {
    expression: `axe.run(document).then((r) => JSON.stringify(r.violations.map((v) => v.id + ": " +
      v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? n.all[0]?.message ?? "")).join(" | "))))`,
    awaitPromise: true, returnByValue: true,
  });
  await cdp.detach();
  assert(result.value === "[]", `axe: ${result.value ?? result.description}`);
}

async function fits() {
  const [have, want] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(have <= want, `the page is ${have} wide in a window of ${want}`);
}

async function whole(name) {
  assert((await page.title()).endsWith("· egret"), "no title");
  assert((await page.locator("h1").count()) === 1, "not one h1");
  assert((await heading()).trim(), "h1 is empty");
  // The overview as a window shows it is the picture in the README: docs/img/overview.png.
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: name !== "overview-light" });
  await fits();
  await accessible();
}

const pages = {
  overview: "/", findings: "/findings", finding: "/findings/1", flows: "/flows", flow: "/flows/1",
  denied: "/flows?q=verdict%3Adeny", nothing: "/flows?q=host%3Anowhere.invalid", identities: "/identities",
  destinations: "/destinations", policies: "/policies", certificates: "/certificates", evidence: "/evidence",
  sql: "/sql?sql=SELECT+identity%2C+host%2C+flows+FROM+edges",
};
const looks = {
  light: { scheme: "light", width: 1280, height: 1020 },
  dark: { scheme: "dark", width: 1280, height: 800 },
  "200%": { scheme: "light", width: 640, height: 400 },	// 1280 x 800 at twice the size
};
for (const [look, { scheme, width, height }] of Object.entries(looks)) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height });
  for (const [name, path] of Object.entries(pages)) {
    await check(`${name}, ${look}`, async () => {
      const answer = await go(path);
      assert(answer.status() === 200, `status ${answer.status()}`);
      await whole(`${name}-${look.replace("%", "")}`);
    });
  }
}
await page.emulateMedia({ colorScheme: "light" });
await page.setViewportSize({ width: 1280, height: 800 });

for (const [name, path, status] of [
  ["a page that is not there", "/nothing", 404], ["a finding that is not there", "/findings/999999999", 404],
  ["a flow that is not there", "/flows/999999999", 404], ["a filter that is wrong", "/flows?q=verdict%3Amaybe", 400],
]) {
  await check(name, async () => {
    expected = (text) => text.includes(`status of ${status}`);
    const answer = await go(path);
    assert(answer.status() === status, `status ${answer.status()}`);
    await whole(name.replaceAll(" ", "-"));
    expected = () => false;
  });
}

await check("from the overview to the conditions that decided", async () => {
  await go("/");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Findings" }).click();
  assert((await heading()) === "Findings", "not on Findings");
  await page.locator("main tbody a[href^='/findings/']").first().click();
  assert((await heading()) === "Finding", "not on a finding");
  await page.locator("main tbody a[href^='/flows/']").first().click();
  assert((await heading()).startsWith("Flow"), "not on a flow");
  const conditions = page.locator("table.trace tbody tr");
  assert((await conditions.count()) > 0, "no condition is shown");
  assert(await conditions.first().isVisible(), "the conditions are not visible");
});

await check("a denied cell leads to its flows", async () => {
  await go("/");
  const cell = page.locator(".matrix td.bad a").first();
  const count = (await cell.innerText()).replaceAll(",", "");
  await cell.click();
  assert((await heading()) === "Flows", "not on Flows");
  const rows = await page.locator("main tbody tr").count();
  assert(rows === Math.min(Number(count), 50), `${count} in the cell, ${rows} rows`);
});

await check("the filter narrows the list, and a wrong one says why", async () => {
  await go("/flows");
  const all = await page.locator("main tbody tr").count();
  await page.locator("#q").fill("verdict:deny");
  await page.locator("#q").press("Enter");
  await page.waitForURL(/q=verdict/);
  const some = await page.locator("main tbody tr").count();
  assert(some > 0 && some < all, `${some} of ${all} rows`);
  expected = (text) => text.includes("status of 400");
  await page.locator("#q").fill("verdict:maybe");
  await page.locator("#q").press("Enter");
  await page.waitForURL(/maybe/);
  assert((await page.getByRole("alert").innerText()).includes("verdict"), "no message");
  expected = () => false;
});

await check("hostile text in the filter stays text", async () => {
  await go(`/flows?q=${encodeURIComponent('host:"<img src=x onerror=alert(1)>"')}`);
  assert((await page.locator("main img").count()) === 0, "an element was made");
  assert((await page.locator("#q").inputValue()).includes("<img"), "the text is not kept");
});

await check("nobody's identity leads to the flows without one", async () => {
  await go("/identities");
  await page.getByRole("link", { name: "(none)", exact: true }).click();
  assert((await heading()) === "Flows", "not on Flows");
  const shown = await page.locator("main tbody tr").count();
  assert(shown > 0, "no flow");
  assert((await page.locator("main tbody tr").filter({ hasText: "(none)" }).count()) === shown, "another identity");
});

await check("keys alone: g f, /, Tab, j", async () => {
  await go("/");
  await page.keyboard.press("Tab");
  assert((await page.evaluate(() => document.activeElement.className)) === "skip", "Tab does not begin at the skip link");
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.waitForURL(/\/flows$/);
  await page.waitForLoadState("load");
  await page.keyboard.press("/");
  assert((await page.evaluate(() => document.activeElement.id)) === "q", "/ does not go to the filter");
  await page.keyboard.type("outcome:refused");
  await page.keyboard.press("Enter");
  await page.waitForURL(/outcome/);
  await page.waitForLoadState("load");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/flows\/\d+$/);
});

await check("every control is reached by Tab and shows it", async () => {
  await go("/flows");
  const want = await page.locator("header a, header button:visible, .filter input, .filter select, .filter button").count();
  const seen = new Set();
  for (let i = 0; i < want + 12; i++) {
    await page.keyboard.press("Tab");
    const [id, outline] = await page.evaluate(() => {
      const el = document.activeElement;
      const all = [...document.querySelectorAll("header a, header button, .filter input, .filter select, .filter button")];
      return [all.indexOf(el), getComputedStyle(el).outlineStyle];
    });
    if (id >= 0) {
      seen.add(id);
      assert(outline !== "none", `control ${id} has no focus ring`);
    }
  }
  assert(seen.size === want, `${seen.size} of ${want} controls`);
});

await check("the theme is chosen, kept, and given back", async () => {
  await go("/");
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.locator("#theme").click();
  const dark = await background();
  assert(light !== dark, "nothing changes");
  await page.reload();
  assert((await background()) === dark, "not kept over a reload");
  await page.locator("#theme").click();
  await page.locator("#theme").click();
  assert((await page.locator("#theme").innerText()) === "Theme: system", "does not return to the system's");
});

await check("the twins of a page are JSON and CSV of the same rows", async () => {
  await go("/findings");
  const rows = await page.locator("main tbody tr").count();
  const json = await (await context.request.get(new URL("/findings.json", base).href)).json();
  assert(json.rows.length === rows, `${json.rows.length} in JSON, ${rows} shown`);
  const csv = await (await context.request.get(new URL("/findings.csv", base).href)).text();
  assert(csv.split("\r\n").length >= rows + 2, "too few lines in CSV");
});

await check("the report, on a screen and on paper", async () => {
  await page.goto(report);
  assert((await page.locator("h1").count()) === 1, "not one h1");
  await fits();
  await accessible();
  await page.setViewportSize({ width: 640, height: 400 });
  await fits();
  await page.emulateMedia({ media: "print" });
  await page.setViewportSize({ width: 720, height: 1020 });	// A4 within its margins
  await fits();
  if (shots) await page.screenshot({ path: join(shots, "report.png"), fullPage: true });
  await page.emulateMedia({ media: "screen" });
});

await context.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
