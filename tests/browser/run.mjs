// The pages in a real browser: made by the real program, driven by playwright-core, judged by axe-core.
//
//   node tests/browser/run.mjs APPLECART [CHROMIUM]
//
// The packages stand in package.json. Set SCREENSHOTS to a folder to keep what was seen.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

// Where the packages were installed, which is not in the repository.
const packages = createRequire(path.resolve(process.env.BROWSER_PACKAGES ?? ".", "package.json"));
const { chromium } = packages("playwright-core");
const AXE = readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");

const [program, executablePath = "/usr/bin/chromium"] = process.argv.slice(2);
const applecart = path.resolve(program);
const folder = mkdtempSync(path.join(tmpdir(), "applecart-pages-"));
const MAX_OPEN_MS = 2000;
const TENANTS = 10_000;

const run = (args, options = {}) => execFileSync(applecart, args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"], ...options });

/** A page in a file; what status ends with is not asked here. */
const made = (name, args, options) => {
  let html;
  try {
    html = run(args, options);
  } catch (error) {
    if (!error.stdout) throw error;
    html = error.stdout;
  }
  const file = path.join(folder, name);
  writeFileSync(file, html);
  return pathToFileURL(file).href;
};

/** A repository with these tenant files. */
const repository = (name, tenants) => {
  const repo = path.join(folder, name);
  const write = (file, text) => {
    mkdirSync(path.dirname(path.join(repo, file)), { recursive: true });
    writeFileSync(path.join(repo, file), text);
  };
  write("applecart.yaml", `apiVersion: applecart/v1
kind: Fleet
auth: {clientId: 2f6b0000-0000-4000-8000-000000000000, credential: client-secret}
recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
`);
  for (const [tenant, text] of tenants) {
    write(`tenants/${tenant}/tenant.yaml`, `apiVersion: applecart/v1\nkind: Tenant\nname: ${tenant}\n${text}`);
  }
  const git = (...args) => execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@example.invalid", ...args], { cwd: repo });
  git("init", "--quiet");
  git("add", "--all");
  git("commit", "--quiet", "-m", "fleet");
  return repo;
};

const NOW = Date.parse("2026-11-27T12:00:00Z");
const day = (days) => new Date(NOW + days * 86_400_000).toISOString().replace(".000", "");
const id = (number) => `${String(number).padStart(8, "0")}-0000-4000-8000-000000000000`;
const OFFLINE = ["status", "--offline", "--now", new Date(NOW).toISOString(), "--format", "html"];

/** Ten thousand tenants, of which some have expired or soon will. */
const largeFleet = function* () {
  for (let number = 0; number < TENANTS; number++) {
    const expires = (of) => day(((number * 7 + of * 97) % 400) - 1);
    yield [`customer-${String(number).padStart(5, "0")}`, `displayName: Customer ${number} GmbH
tenantId: ${id(number)}
labels: {ring: ${number % 10 ? "prod" : "pilot"}}
push: {appleId: mdm@customer-${number}.example, topic: com.apple.mgmt.External.${number}, serial: '${number.toString(16)}', expires: ${expires(0)}}
enrollment: [{name: ABM, appleId: abm@customer-${number}.example, expires: ${expires(1)}}]
vpp: [{name: London, expires: ${expires(2)}}, {name: Paris, expires: ${expires(3)}}]
`];
  }
};

/** Names that want to be markup, to turn the text around, or to break the layout. */
const HOSTILE = [
  "<script>document.title='owned'</script>",
  "</noscript><img src=x onerror=document.title='owned'>",
  "\" onmouseover=\"document.title='owned'",
  "&lt;b&gt;not bold&lt;/b&gt;",
  "שלום עולם",
  "x".repeat(200),
  "${document.title='owned'}",
];
const hostileFleet = function* () {
  for (const [number, name] of HOSTILE.entries()) {
    yield [`hostile-${number}`, `displayName: ${JSON.stringify(name)}
tenantId: ${id(number)}
vpp: [{name: ${JSON.stringify(name.slice(0, 60))}, expires: ${day(5)}}]
`];
  }
};

const processes = [];
/** Starts the program, which runs on, and waits until it says where. */
const started = (args, stream, pattern, options) => new Promise((resolve, reject) => {
  const child = spawn(applecart, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  processes.push(child);
  let text = "";
  child[stream].on("data", (data) => {
    text += data;
    const found = text.match(pattern);
    if (found) resolve(found[1]);
  });
  child.on("exit", (code) => reject(new Error(`applecart ${args[0]} ended with ${code}: ${text}`)));
});

/** The demo's fleet of twelve customers, as a simulated Intune answers for it. */
const demoFleet = async () => {
  const demo = path.join(folder, "demo");
  run(["demo", demo]);
  const url = await started(["simulate", "--state", path.join(demo, "simulator")], "stdout", /APPLECART_GRAPH_URL=(\S+)\n/);
  const env = {
    ...process.env,
    APPLECART_GRAPH_URL: url,
    APPLECART_LOGIN_URL: url,
    AZURE_CLIENT_SECRET: "simulated-writer-secret",
    SOPS_AGE_KEY_FILE: path.join(demo, "fleet.agekey"),
  };
  const options = { cwd: path.join(demo, "fleet"), env };
  const pages = {
    status: made("status.html", ["status", "--format", "html"], options),
    history: made("history.html", ["history", "fourthcoffee", "--format", "html"], options),
  };
  const serve = ["serve", "--listen", "127.0.0.1:0", "--interval", "5s"];
  const served = await started(serve, "stderr", /page is at (http:\S+)\n/, options);
  for (let tries = 0; (await fetch(served)).status !== 200; tries++) {
    assert(tries < 150, "the controller shows no page");
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  return { ...pages, served: `${served}/`, servedToken: `${served}/t/fabrikam/push` };
};

const tests = [];
const test = (name, body) => tests.push([name, body]);
const assert = (holds, told) => { if (!holds) throw new Error(told); };
const equal = (found, wanted, told = "") => {
  const [left, right] = [found, wanted].map((one) => JSON.stringify(one));
  assert(left === right, `${told} found ${left}, not ${right}`);
};

let browser;
let urls;
/** Opens a page, and fails on whatever the browser complains about. */
const open = async (url, { width = 1440, hash = "", media, ...context } = {}) => {
  const page = await (await browser.newContext({ viewport: { width, height: 900 }, ...context })).newPage();
  page.complaints = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) page.complaints.push(message.text()); });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("request", (request) => { if (new URL(request.url()).origin !== new URL(url).origin) page.complaints.push(`asked for ${request.url()}`); });
  if (media) await page.emulateMedia({ media });
  await page.goto(url + hash);
  return page;
};
const close = async (page) => {
  equal(page.complaints, [], "the browser complained:");
  await page.context().close();
};
const shot = async (page, name) => {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
};
const count = (page) => page.textContent("#count");
const column = (page, number) => page.$$eval("#table tbody tr", (rows, at) => rows.map((row) => row.children[at].innerText.trim()), number);
const choose = (page, field, value) => page.selectOption(`#f-${field}`, value);
const accessible = async (page, told) => {
  // By the debugger, which the page's policy does not bind.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
  equal(found, [], `${told}:`);
};
const fitsWidth = async (page, told) => {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert(content <= window, `${told}: the page scrolls sideways, ${content} > ${window}`);
};

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 768, 1024, 1440]) {
    for (const kind of ["status", "history", "hostile", "served", "servedToken"]) {
      test(`${kind}, ${colorScheme}, ${width} px: accessible, and no wider than its window`, async () => {
        const page = await open(urls[kind], { width, colorScheme });
        const isFleet = !["history", "servedToken"].includes(kind);
        if (isFleet) {
          // Also what is folded.
          await page.$$eval("details", (all) => all.forEach((one) => { one.open = true; }));
        }
        await fitsWidth(page, kind);
        await accessible(page, kind);
        await shot(page, `${kind}-${colorScheme}-${width}`);
        if (isFleet) {
          await page.check("#by-tenant");
          await page.$$eval("details", (all) => all.forEach((one) => { one.open = true; }));
          await fitsWidth(page, `${kind} by tenant`);
          await accessible(page, `${kind} by tenant`);
          await shot(page, `${kind}-by-tenant-${colorScheme}-${width}`);
        }
        await close(page);
      });
    }
  }
}

test("what needs attention stands before all else, the most urgent first", async () => {
  const page = await open(urls.status);
  const tops = await page.$$eval("#attention, .cards, #calendar, #tokens", (all) => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().top));
  equal(tops, [...tops].sort((a, b) => a - b));
  assert(tops[1] < 700, `the first matter is ${tops[1]} px from the top`);
  equal(await page.$eval(".group", (one) => one.classList.contains("critical")), true);
  await close(page);
});

test("a command is copied as it stands", async () => {
  const page = await open(urls.status, { permissions: ["clipboard-read", "clipboard-write"] });
  const button = page.locator(".copy").first();
  await button.click();
  await page.locator(".copy", { hasText: "Copied" }).waitFor();
  const command = await page.locator(".command code").first().textContent();
  equal(await page.evaluate(() => navigator.clipboard.readText()), command);
  assert(command.startsWith("applecart "), command);
  await close(page);
});

test("the search finds customers, tokens and Apple Accounts", async () => {
  const page = await open(urls.status);
  const all = (await column(page, 0)).length;
  for (const [words, wanted] of [["northwind", 3], ["Northwind TRADERS", 3], ["mdm@northwind", 1], ["northwind push", 1], ["no such thing", 0]]) {
    await page.fill("#search", words);
    equal((await column(page, 0)).length, wanted, words);
    assert((await count(page)).startsWith(`${wanted} of ${all} tokens`), await count(page));
  }
  await page.click("#filters [type=reset]");
  await page.waitForFunction((rows) => document.querySelectorAll("#table tbody tr").length === rows, all);
  await close(page);
});

test("each filter leaves what it names, and together they leave what all name", async () => {
  const page = await open(urls.status);
  for (const [field, at, value] of [["expiry", 3, "expired"], ["sync", 4, "watched"], ["health", 5, "failing"]]) {
    await choose(page, field, value);
    const found = await column(page, at);
    assert(found.length > 0 && found.every((one) => one === value), `${field}: ${found}`);
    await choose(page, field, "");
  }
  await choose(page, "kind", "vpp");
  assert((await column(page, 1)).every((one) => one.startsWith("vpp")), "kind");
  await choose(page, "health", "failing");
  const failing = (await column(page, 0)).map((one) => one.split("\n")[0]);
  equal(failing.sort(), ["lucerne", "wingtip"]);
  await page.click("#filters [type=reset]");
  await choose(page, "code", "no-consent");
  assert((await column(page, 8)).every((one) => one.includes("no-consent")), "code");
  await choose(page, "code", "");
  await page.fill("#f-tenant", "trey");
  assert((await column(page, 0)).every((one) => one.startsWith("trey")), "tenant");
  await close(page);
});

test("a label leaves the tenants that have it", async () => {
  const page = await open(urls.large);
  await page.fill("#f-label", "ring=pilot");
  assert((await count(page)).startsWith(`${TENANTS / 10 * 4} of ${TENANTS * 4} tokens, of ${TENANTS / 10} tenants`), await count(page));
  await close(page);
});

test("a column's head sorts by it, and again the other way", async () => {
  const page = await open(urls.status);
  const head = page.locator("#table thead th").nth(2);
  equal(await page.locator("#table thead th").nth(8).getAttribute("aria-sort"), "ascending");
  for (const [way, turn] of [["ascending", 1], ["descending", -1]]) {
    await head.locator("button").click();
    equal(await head.getAttribute("aria-sort"), way);
    equal(await page.locator("[aria-sort]").count(), 1);
    const days = (await column(page, 2)).map((one) => one.slice(0, 10));
    const known = days.filter(Boolean);
    equal(known, [...known].sort((a, b) => turn * (a < b ? -1 : Number(a > b))), way);
    // What is unknown stands last in either direction.
    equal(days.slice(known.length).filter(Boolean), []);
  }
  await close(page);
});

test("a week of the calendar shows its tokens", async () => {
  const page = await open(urls.status);
  const week = page.locator(".calendar a").first();
  const [number, from, to] = await week.evaluate((one) => [Number(one.textContent), one.dataset.from, one.dataset.to]);
  await week.click();
  await page.waitForFunction((rows) => document.querySelectorAll("#table tbody tr").length === rows, number);
  const days = (await column(page, 2)).map((one) => one.slice(0, 10));
  equal(days.length, number);
  assert(days.every((one) => one >= from && one <= to), `${days} outside ${from} to ${to}`);
  await close(page);
});

test("by tenant, customers are folded, each with its tokens", async () => {
  const page = await open(urls.status);
  const tokens = (await column(page, 0)).length;
  await page.check("#by-tenant");
  equal(await page.isVisible("#table"), false);
  equal(await page.locator("#folded details").count(), 12);
  equal(await page.locator("#folded details[open]").count(), 0);
  equal(await page.locator("#folded tbody tr").count(), tokens);
  await page.fill("#search", "northwind");
  equal(await page.locator("#folded details[open]").count(), 1);
  await close(page);
});

test("the keyboard alone does everything, and shows where it is", async () => {
  const page = await open(urls.status);
  const focused = () => page.evaluate(() => {
    const one = document.activeElement;
    return { id: one.id, text: one.textContent.trim(), tag: one.tagName, outline: getComputedStyle(one).outlineStyle };
  });
  await page.keyboard.press("Tab");
  equal((await focused()).text, "Skip to what needs attention");
  await page.keyboard.press("Enter");
  equal((await focused()).id, "attention");
  // Every stop from the top on is visible, and is left again.
  await page.reload();
  const stops = [];
  for (let number = 0; number < 400; number++) {
    await page.keyboard.press("Tab");
    const at = await focused();
    if (at.tag === "BODY") break;
    assert(at.outline !== "none", `no outline on ${at.tag} ${at.id} ${at.text.slice(0, 40)}`);
    stops.push(at);
  }
  for (const wanted of ["theme", "search", "f-kind", "f-tenant", "by-tenant"]) {
    assert(stops.some((one) => one.id === wanted), `${wanted} is not reached`);
  }
  assert(stops.some((one) => one.tag === "SUMMARY") && stops.some((one) => one.text === "Copy"), "folds and commands are reached");
  // Sort and fold without a mouse.
  await page.locator("#table thead button").first().focus();
  await page.keyboard.press("Enter");
  equal(await page.locator("#table thead th").first().getAttribute("aria-sort"), "ascending");
  await page.locator("#by-tenant").focus();
  await page.keyboard.press("Space");
  await page.locator("#folded summary").first().focus();
  await page.keyboard.press("Enter");
  equal(await page.locator("#folded details[open]").count(), 1);
  await close(page);
});

test("the counts are told to a screen reader", async () => {
  const page = await open(urls.status);
  equal(await page.getAttribute("#count", "role"), "status");
  await close(page);
});

test("the switch changes the colours, and the choice is kept", async () => {
  const page = await open(urls.status, { colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.click("#theme");
  equal(await ground(), light);
  await page.click("#theme");
  const dark = await ground();
  assert(dark !== light, dark);
  await page.reload();
  equal(await ground(), dark);
  equal(await page.textContent("#theme"), "Colours: dark");
  await close(page);
});

test("on paper there are no controls, and ink is dark on white", async () => {
  for (const kind of ["status", "history"]) {
    const page = await open(urls[kind], { width: 794, colorScheme: "dark", media: "print" });
    for (const control of ["#search", "#filters", "#theme", ".copy", "#more"]) {
      equal(await page.locator(control).filter({ visible: true }).count(), 0, control);
    }
    const [ground, ink] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]);
    equal(ground, "rgb(255, 255, 255)");
    equal(ink, "rgb(27, 31, 36)");
    await fitsWidth(page, kind);
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    equal(await page.locator("main details:not([open], .tenant)").count(), 0, "folded on paper:");
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    const pdf = await page.pdf({ format: "A4" });
    assert(pdf.subarray(0, 5).toString() === "%PDF-", "no PDF");
    if (process.env.SCREENSHOTS) writeFileSync(path.join(process.env.SCREENSHOTS, `${kind}.pdf`), pdf);
    await shot(page, `${kind}-print`);
    await close(page);
  }
});

test("a reload keeps search, filters, order and place", async () => {
  const page = await open(urls.status);
  await page.fill("#search", "a");
  await choose(page, "kind", "push");
  await page.locator("#table thead button").first().click();
  await page.locator("#table thead button").first().click();
  await page.evaluate(() => scrollTo(0, 900));
  const seen = async () => [await count(page), await column(page, 0), await page.inputValue("#search"), await page.inputValue("#f-kind"), await page.evaluate(() => scrollY)];
  const before = await seen();
  await page.reload();
  await page.waitForFunction((y) => scrollY === y, before[4]);
  equal(await seen(), before);
  // A link to a place on the page does not forget them.
  await page.locator("a.skip").evaluate((link) => link.click());
  await page.reload();
  equal((await seen()).slice(0, 4), before.slice(0, 4));
  await close(page);
});

test("a served page notices that it is no longer true, and keeps what it was asked", async () => {
  const page = await open(urls.served);
  const etag = () => page.evaluate(() => document.body.dataset.etag);
  await page.fill("#search", "north");
  await choose(page, "kind", "push");
  await page.evaluate(() => scrollTo(0, 700));
  const seen = async () => [await column(page, 0), await page.evaluate(() => document.activeElement.id), await page.evaluate(() => scrollY)];
  const [first, before] = [await etag(), await seen()];
  // The controller reads again every few seconds; the page asks every half minute.
  // The new mark is there while the page is still being read, and all else only once it is whole.
  const isNew = (was) => document.readyState === "complete" && document.body.dataset.etag !== was;
  await page.waitForFunction(isNew, first, { timeout: 60_000 });
  equal(await seen(), before);
  await close(page);
});

test("a served page that is told to stays as it is", async () => {
  const page = await open(urls.served);
  await page.check("#pause");
  const first = await page.evaluate(() => document.body.dataset.etag);
  await page.waitForTimeout(40_000);
  equal(await page.evaluate(() => document.body.dataset.etag), first);
  await close(page);
});

test("a served page leads to each token and back", async () => {
  const page = await open(urls.served);
  await page.fill("#search", "lucerne head office");
  // A click does not wait for the page that it leads to.
  const heading = (text) => page.locator("h1").getByText(text, { exact: true }).waitFor();
  await page.locator("#table tbody a").click();
  await heading("lucerne vpp Head office: history");
  equal(await page.locator("header dd").nth(2).textContent(), "failing");
  assert((await page.textContent("#attention")).includes("Needs attention"), "what needs attention stands above");
  await page.getByText("All tokens").click();
  await heading("Apple credentials in Intune");
  await close(page);
});

test("names are text, whatever they hold", async () => {
  const page = await open(urls.hostile);
  assert(!(await page.title()).includes("owned"), await page.title());
  const names = await page.$$eval("#table tbody th small", (all) => all.map((one) => one.textContent));
  equal([...new Set(names)].sort(), [...HOSTILE].sort());
  await page.check("#by-tenant");
  const folded = await page.$$eval("#folded summary > bdi", (all) => all.map((one) => one.textContent));
  equal([...folded].sort(), [...HOSTILE].sort());
  equal(await page.locator("img, script:not(head script)").count(), 0);
  // A search for markup is a search for letters.
  await page.uncheck("#by-tenant");
  for (const [words, name] of [["<script>", HOSTILE[0]], ["&lt;b&gt;", HOSTILE[3]]]) {
    await page.fill("#search", words);
    const found = await page.$$eval("#table tbody th small", (all) => all.map((one) => one.textContent));
    equal([...new Set(found)], [name]);
  }
  await close(page);
});

test("without scripts everything is there but search, filters and order", async () => {
  for (const kind of ["status", "hostile"]) {
    const page = await open(urls[kind], { javaScriptEnabled: false });
    const tenants = kind === "status" ? 12 : HOSTILE.length;
    equal(await page.locator("details.tenant").count(), tenants);
    equal(await page.locator("details.tenant[open]").count(), 0);
    equal(await page.locator(".scripted").filter({ visible: true }).count(), 0);
    await page.locator("details.tenant summary").first().click();
    equal(await page.locator("details.tenant[open] tbody tr, details.tenant[open] tr[data-p]").first().isVisible(), true);
    equal(await page.locator("img, script:not(head script)").count(), 0);
    await shot(page, `${kind}-no-script`);
    await close(page);
  }
});

test("with larger letters and more space between them nothing is cut off", async () => {
  // WCAG 1.4.12, through the debugger's own style sheet.
  const page = await open(urls.status, { width: 640 });
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setBypassCSP", { enabled: true });
  await page.reload();
  await page.addStyleTag({ content: "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }" });
  await fitsWidth(page, "text spacing");
  await close(page);
});

test(`${TENANTS} tenants are open and searched within ${MAX_OPEN_MS} ms`, async () => {
  const taken = [];
  for (let round = 0; round < 3; round++) {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const begun = Date.now();
    await page.goto(urls.large);
    const loaded = Date.now() - begun;
    await page.fill("#search", "customer-04321");
    await page.waitForFunction(() => document.querySelector("#count").textContent.startsWith("4 of 40000 tokens, of 1 tenant"));
    const all = Date.now() - begun;
    const { metrics } = await session.send("Performance.getMetrics");
    const worked = Math.round(1000 * metrics.find((one) => one.name === "TaskDuration").value);
    taken.push([loaded, all, worked]);
    if (round === 2) {
      await page.fill("#search", "");
      const sorting = Date.now();
      await page.locator("#table thead button").first().click();
      const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
      console.log(`  figures: load ${taken.map(([load]) => load)} ms; load and first search ${taken.map(([, all]) => all)} ms, of which the page worked ${taken.map(([, , worked]) => worked)} ms; sort by name ${Date.now() - sorting} ms; ${nodes} elements`);
      assert(nodes < 10_000, `${nodes} elements`);
      await page.locator("#more").click();
      equal(await page.locator("#table tbody tr").count(), 200);
      await shot(page, "large");
    }
    await page.context().close();
  }
  // What the page's own thread worked, not what it waited for a machine that does other things, too.
  const best = Math.min(...taken.map(([, , worked]) => worked));
  assert(best > 0 && best < MAX_OPEN_MS, `${best} ms`);
});

const chosen = tests.filter(([name]) => new RegExp(process.env.ONLY ?? "").test(name));
const failures = [];
try {
  urls = {
    ...await demoFleet(),
    large: made("large.html", OFFLINE, { cwd: repository("large", largeFleet()) }),
    hostile: made("hostile.html", OFFLINE, { cwd: repository("hostile", hostileFleet()) }),
  };
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  console.log(`in ${browser.version()}`);
  for (const [name, body] of chosen) {
    try {
      await body();
      console.log(`ok      ${name}`);
    } catch (error) {
      failures.push(name);
      console.log(`FAILED  ${name}\n        ${error.message.slice(0, 3000)}`);
    }
  }
} finally {
  await browser?.close();
  for (const child of processes) {
    child.removeAllListeners("exit");
    child.kill();
  }
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${chosen.length - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || chosen.length === 0 ? 1 : 0;
