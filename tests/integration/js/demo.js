// Two tabs use the demo's page as people would; prints a line of JSON for each thing that they did.
//
// node demo.js '{"browser": "/usr/bin/chromium", "url": "http://127.0.0.1:8080/", "picture": null}'
"use strict";

const { launch } = require("./chromium");

const PATIENCE = 10_000;

async function come(context, url, nick) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
  await page.goto(url);
  await page.fill("#nick", nick);
  await page.click("#join");
  return page;
}

// Wait until an element has a text.
async function shows(page, selector, text) {
  const found = page.locator(selector).filter({ hasText: text });
  await found.first().waitFor({ timeout: PATIENCE }).catch(async () => {
    const seen = await page.locator(selector).allInnerTexts();
    throw new Error(`${selector} never showed ${JSON.stringify(text)}, but ${JSON.stringify(seen)}`);
  });
}

async function people(page, names) {
  const shown = () => [...document.querySelectorAll("#people li")].map((item) => item.textContent).sort().join();
  const wanted = `(${shown})() === ${JSON.stringify(names.join())}`;
  await page.waitForFunction(wanted).catch(async () => {
    throw new Error(`${JSON.stringify(names)} should be here, but ${await page.evaluate(shown)} are`);
  });
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

const STEPS = {
  async "both come in and see each other"({ ada, brian }) {
    await people(ada, ["Ada", "Brian"]);
    await people(brian, ["Ada", "Brian"]);
  },
  async "both are connected by WebSocket"({ ada, brian }) {
    for (const page of [ada, brian]) await shows(page, "#status", "connected by websocket");
  },
  async "a name that is taken is refused"({ context, url }) {
    const other = await come(context, url, "Ada");
    await shows(other, "#refused", "somebody called Ada is already here");
    await other.close();
  },
  async "one sees the other typing, and stop"({ ada, brian }) {
    await ada.locator("#text").pressSequentially("Hello", { delay: 20 });
    await shows(brian, "#typing", "Ada is typing");
    await ada.fill("#text", "");
    await brian.waitForFunction(() => document.getElementById("typing").textContent === "");
  },
  async "what one says is acknowledged and reaches the other"({ ada, brian }) {
    await say(ada, "Hello Brian, is this thing on? \u{1f600}");
    await shows(brian, "#messages .theirs", "Hello Brian, is this thing on? \u{1f600}");
    await shows(ada, "#messages .mine .meta", "to 1 \u2713");
    await say(brian, "It is, and nothing got lost on the way.");
    await shows(ada, "#messages .theirs .text", "It is, and nothing got lost on the way.");
  },
  async "the picture is taken"({ ada, brian, picture }) {
    if (!picture) return;
    await brian.locator("#text").pressSequentially("And", { delay: 20 });
    await shows(ada, "#typing", "Brian is typing");
    await ada.screenshot({ path: picture });
    await brian.fill("#text", "");
  },
  async "rooms keep people apart"({ ada, brian }) {
    await brian.fill("#new-room", "quiet corner");
    await brian.click("#make-room");
    await shows(brian, "#room-name", "quiet corner");
    await people(brian, ["Brian"]);
    await people(ada, ["Ada"]);
    await say(ada, "Anybody?");
    await shows(ada, "#messages .mine .meta", "nobody else is here");
    await ada.click("#rooms button[data-room='quiet corner']");
    await people(brian, ["Ada", "Brian"]);
    await say(ada, "<b>There</b> you are & stay.");
    await shows(brian, "#messages .theirs", "<b>There</b> you are & stay.");
    if ((await brian.locator("#messages").innerText()).includes("Anybody?")) throw new Error("heard through the wall");
  },
  async "who closes the tab is gone"({ ada, brian }) {
    await brian.close();
    await people(ada, ["Ada"]);
    await shows(ada, "#room-count", "only you");
  },
  async "the pages had no faults"({ ada, brian }) {
    const faults = [...ada.faults, ...brian.faults];
    if (faults.length) throw new Error(faults.join("; "));
  },
};

async function main() {
  const { browser: path, url, picture } = JSON.parse(process.argv[2]);
  const browser = await launch(path);
  let failed = false;
  try {
    const context = await browser.newContext({ viewport: { width: 1000, height: 640 } });
    const cast = { context, url, picture, ada: await come(context, url, "Ada"), brian: await come(context, url, "Brian") };
    for (const [step, act] of Object.entries(STEPS)) {
      const error = await act(cast).then(() => null, (problem) => String(problem.message));
      process.stdout.write(`${JSON.stringify({ step, error })}\n`);
      failed = failed || error !== null;
    }
  } finally {
    await browser.close();
  }
  process.exitCode = failed ? 1 : 0;
}

main();
