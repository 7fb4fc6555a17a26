// The scenarios of engine.io-client, against a bare engine that echoes.
"use strict";

(function (exports, { sleep, until, equal, oneOf, bytes }, { silence, LIMIT }) {
  class Peer {
    constructor(raw) {
      this.raw = raw;
      this.inbox = [];
      this.waiting = [];
      this.opened = new Promise((resolve, reject) => {
        raw.on("open", () => resolve(this));
        raw.on("error", reject);
      });
      this.closed = new Promise((resolve) => raw.on("close", (reason) => resolve(reason)));
      raw.on("message", (message) => (this.waiting.length ? this.waiting.shift()(message) : this.inbox.push(message)));
    }

    next() {
      return this.inbox.length ? this.inbox.shift() : new Promise((resolve) => this.waiting.push(resolve));
    }

    ask(message) {
      this.raw.send(message);
      return this.next();
    }
  }

  function open(t, server = "main") {
    const raw = t.kit.make(t.url(server), t.transport);
    t.disposals.push(() => raw.close());
    return new Peer(raw).opened;
  }

  async function settled(t, server) {
    const peer = await open(t, server);
    if (t.transport === "upgrade") {
      await until(() => peer.raw.transport.name === "websocket" && !peer.raw.upgrading, "the client's upgrade");
      await until(async () => (await peer.ask("transport")) === "websocket", "the server's upgrade");
    }
    return peer;
  }

  async function tagged(peer) {
    const tag = `tag-${Math.random()}`;
    peer.raw.send(`tag:${tag}`);
    await peer.ask("in order");
    return tag;
  }

  async function reason(t, tag, server) {
    const observer = await open(t, server);
    return observer.ask(`reason:${tag}`);
  }

  const scenarios = {
    async "connect"(t) {
      const peer = await settled(t);
      equal(await peer.ask("hello"), "hello", "echo");
      equal(await peer.ask("transport"), t.transport === "polling" || t.transport === "jsonp" ? "polling" : "websocket", "transport");
    },

    async "unicode"(t) {
      const peer = await open(t);
      for (const text of ["h\u00e9 \ud83d\ude00", "\u2028\u2029\u0000\n\\n\r\n", "\ud83d\ude00".repeat(3000)]) {
        equal(await peer.ask(text), text, "echo");
      }
    },

    async "binary"(t) {
      const peer = await open(t);
      for (const size of [256, 1, 0, 70_000]) equal(await peer.ask(bytes(size)), bytes(size), `${size} bytes`);
      const answers = [peer.ask("text"), peer.ask(bytes(3)), peer.ask("text")];
      equal(await Promise.all(answers), ["text", bytes(3), "text"], "mixed");
    },

    async "binary of 1 MiB"(t) {
      equal(await (await open(t)).ask(bytes(1 << 20)), bytes(1 << 20), "echo");
    },

    async "1,000 messages up"(t) {
      const peer = await open(t);
      const answers = Array.from({ length: 1000 }, (_, index) => peer.ask(`message ${index}`));
      equal(await Promise.all(answers), Array.from({ length: 1000 }, (_, index) => `message ${index}`), "echoes");
    },

    async "1,000 messages down"(t) {
      const peer = await open(t);
      peer.raw.send("count:1000");
      const heard = [];
      while (heard.length < 1000) heard.push(await peer.next());
      equal(heard, Array.from({ length: 1000 }, (_, index) => String(index)), "in order");
    },

    async "upgrade under traffic"(t) {
      const peer = await open(t);
      const answers = [];
      const busy = () => peer.raw.transport.name !== "websocket" || peer.raw.upgrading || answers.length < 300;
      while (busy()) {
        for (let index = 0; index < 3; index++) answers.push(peer.ask(`message ${answers.length}`));
        await sleep(1);
      }
      answers.push(peer.ask(`message ${answers.length}`));
      equal(await Promise.all(answers), answers.map((_, index) => `message ${index}`), "echoes");
    },

    async "server closes the connection"(t) {
      const peer = await settled(t);
      const tag = await tagged(peer);
      peer.raw.send("close");
      equal(await peer.closed, "transport close", "reason on the client");
      equal(await reason(t, tag), "forced close", "reason on the server");
    },

    async "client closes the connection"(t) {
      const peer = await settled(t);
      const tag = await tagged(peer);
      peer.raw.close();
      equal(await peer.closed, "forced close", "reason on the client");
      equal(await reason(t, tag), "transport close", "reason on the server");
    },

    async "heartbeats keep it open"(t) {
      const peer = await settled(t, "brisk");
      let gone = null;
      peer.closed.then((reason) => (gone = reason));
      await sleep(4000);
      equal(gone, null, "reason on the client");
      equal(await peer.ask("alive"), "alive", "echo");
    },

    async "client falls silent"(t) {
      const peer = await settled(t, "brisk");
      const tag = await tagged(peer);
      silence(peer.raw);
      equal(await reason(t, tag, "brisk"), "ping timeout", "reason on the server");
    },

    async "server falls silent"(t) {
      const relay = await t.relayed("brisk");
      const peer = await settled(t, relay.port);
      const tag = await tagged(peer);
      relay.mute();
      equal(await peer.closed, "ping timeout", "reason on the client");
      equal(await reason(t, tag, "brisk"), "ping timeout", "reason on the server");
    },

    async "message near the limit"(t) {
      const text = "x".repeat(LIMIT - 1000);
      if ((await (await open(t)).ask(text)) !== text) throw new Error("came back changed");
    },

    async "message over the limit"(t) {
      const peer = await settled(t);
      const tag = await tagged(peer);
      await sleep(50);
      peer.raw.send("x".repeat(LIMIT + 1000));
      if (t.transport === "jsonp") {
        await sleep(200);
        equal(await peer.ask("alive"), "alive", "echo");
        return;
      }
      oneOf(await peer.closed, ["transport close", "transport error"], "reason on the client");
      oneOf(await reason(t, tag), ["transport close", "transport error"], "reason on the server");
    },
  };

  Object.assign(exports, { scenarios, patient: ["heartbeats keep it open", "client falls silent", "server falls silent"] });
})(
  typeof module === "object" ? module.exports : (globalThis.interop.engine = {}),
  typeof module === "object" ? require("./harness") : globalThis.interop.harness,
  typeof module === "object" ? require("./scenarios") : globalThis.interop
);
