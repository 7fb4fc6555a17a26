// The scenarios of Socket.IO clients, by the names that tests/integration/table.py lists.
"use strict";

(function (exports, { sleep, until, equal, oneOf, bytes }) {
  const LIMIT = 3_000_000;
  const TEXTS = [
    "h\u00e9",
    "\ud83d\ude00 \ud83d\udc69\u200d\ud83d\udcbb \ud834\udd1e",
    "\u2028\u2029\u0000\u0001\u001e\u007f\u0080",
    "\"\\ \\n \n \r\n \t / </script>",
    "\ufffd7\ufffd\uffff\ue000 a\u0301 \u202e",
    "\ud83d\ude00".repeat(3000),
  ];

  const scenarios = {
    async "connect"(t) {
      const peer = await t.settled("/", { query: { colour: "bl\u00fce&=" } });
      equal(await peer.ask("echo", "hello"), ["hello"], "echo");
      equal(await peer.ask("query", "colour"), ["bl\u00fce&="], "the handshake's query");
      const [name] = await peer.ask("transport");
      equal(name, t.transport === "upgrade" || t.transport === "websocket" ? "websocket" : "polling", "transport");
    },

    async "refuse"(t) {
      const first = await t.open("/");
      const refused = t.join(first, "/refuse");
      equal(await refused.refused, t.kit.refused("not today", { why: "closed", until: 7 }), "refusal with data");
      const unknown = await t.join(first, "/nowhere").refused;
      // The reference server answers the older clients with the object meant for the newer ones.
      if (!t.reference) equal(unknown, t.kit.refused("Invalid namespace"), "refusal of an unknown namespace");
      equal(await first.ask("echo", 1), [1], "the root after the refusals");
      equal(await t.peer("/auth", { auth: { token: "wrong" } }).refused, t.kit.refused("not authorized"), "refusal");
    },

    async "auth"(t) {
      const auth = { token: "sesame", name: "J\u00fcrgen \ud83d\ude00 &=?," };
      const peer = await t.open("/auth", { auth });
      equal(await peer.ask("whoami"), [auth], "auth as the server sees it");
    },

    async "acks from the server"(t) {
      const peer = await t.open("/");
      for (const args of [[], [1], [null], [[]], [[1, 2]], ["a", { b: [1, null] }, false], [{}, "", 0]]) {
        equal(await peer.ask("echo", ...args), args, `ack of ${args.length}`);
      }
      const order = [];
      const late = peer.ask("later", 0.4, "late").then(([value]) => order.push(value));
      const soon = peer.ask("later", 0.01, "soon").then(([value]) => order.push(value));
      await Promise.all([late, soon]);
      equal(order, ["soon", "late"], "acks as their results come");
    },

    async "acks from the client"(t) {
      const peer = await t.open("/");
      peer.on("question", (...args) => args.pop()(...args));
      for (const args of [[], [1], [null], [[1, 2]], ["a", { b: [1, null] }, false]]) {
        equal(await peer.ask("ask", "question", ...args), [args], `ack of ${args.length}`);
      }
      // Answered only when all have been asked, and in another order.
      const asked = [];
      peer.on("slow", (name, ack) => asked.push([name, ack]) === 3 && answer());
      const answer = () => [1, 2, 0].forEach((index) => asked[index][1](asked[index][0]));
      const names = ["first", "second", "third"];
      const answers = await Promise.all(names.map((name) => peer.ask("ask", "slow", name)));
      equal(answers, [[["first"]], [["second"]], [["third"]]], "each ack finds its question");
    },

    async "unicode"(t) {
      const peer = await t.open("/");
      for (const text of TEXTS) {
        equal(await peer.ask("echo", text, { [text.slice(0, 20)]: text }), [text, { [text.slice(0, 20)]: text }], "echo");
      }
      const back = peer.next("repeated");
      peer.emit("repeat", ...TEXTS);
      equal(await back, TEXTS, "events");
      const name = "\ud83d\ude00 \u00e9v\u00e9nement";
      peer.on(name, (text, ack) => ack(text));
      equal(await peer.ask("ask", name, TEXTS[1]), [[TEXTS[1]]], "name of an event");
    },

    async "lone surrogates"(t) {
      const peer = await t.open("/");
      equal(await peer.ask("echo", "\ud83d", "x\ude00y"), ["\ud83d", "x\ude00y"], "echo");
    },

    async "binary"(t) {
      const peer = await t.open("/");
      for (const size of [256, 1, 0, 70_000]) {
        const back = peer.next("repeated");
        peer.emit("repeat", bytes(size));
        equal(await back, [bytes(size)], `${size} bytes`);
      }
      const several = [new Uint8Array([1, 2, 3]).buffer, "between", bytes(5, 7), [bytes(4)]];
      if (t.kit.views) several.push(new Uint8Array([1, 2]));
      const back = peer.next("repeated");
      peer.emit("repeat", ...several);
      equal(await back, several, "several attachments");
    },

    async "binary nested and in acks"(t) {
      const peer = await t.open("/");
      const value = { list: [bytes(3), { deep: { er: bytes(4, 9) } }, null], number: 1.5, text: "\ud83d\ude00" };
      equal(await peer.ask("echo", value, bytes(5)), [value, bytes(5)], "ack of the server");
      peer.on("question", (given, ack) => ack(given, bytes(6), { more: given }));
      equal(await peer.ask("ask", "question", value), [[value, bytes(6), { more: value }]], "ack of the client");
    },

    async "binary of 1 MiB"(t) {
      const peer = await t.open("/");
      const data = bytes(1 << 20, 3);
      const back = peer.next("repeated");
      peer.emit("repeat", data);
      equal(await back, [data], "event");
      equal(await peer.ask("echo", { nested: data }), [{ nested: data }], "ack");
    },

    async "1,000 messages up"(t) {
      const peer = await t.open("/");
      for (let index = 0; index < 1000; index++) {
        if (t.kit.binary && index % 100 === 50) peer.emit("seq", index, bytes(10));
        else peer.emit("seq", index);
      }
      equal(await peer.ask("seen"), [1000, true], "count, and whether in order");
    },

    async "1,000 messages down"(t) {
      const peer = await t.open("/");
      const seen = [];
      peer.on("tick", (index) => seen.push(index));
      equal(await peer.ask("count", 1000), [1000], "the ack");
      equal(seen, Array.from({ length: 1000 }, (_, index) => index), "all before the ack");
    },

    // Several at once: the moment in which a message could get lost is short.
    async "upgrade under traffic"(t) {
      await Promise.all(Array.from({ length: 8 }, () => upgradeUnderTraffic(t)));
    },

    async "two namespaces"(t) {
      const root = await t.open("/");
      const chat = await t.join(root, "/chat").opened();
      const [[rootSid, rootEngine], [chatSid, chatEngine]] = [await root.ask("ids"), await chat.ask("ids")];
      equal(chatEngine, rootEngine, "one connection");
      if (t.kit.payload && rootSid === chatSid) throw new Error("the namespaces have the same id");
      const heard = [];
      root.on("repeated", (text) => heard.push(["/", text]));
      chat.on("repeated", (text) => heard.push(["/chat", text]));
      root.emit("repeat", "one");
      chat.emit("repeat", "two");
      equal(await Promise.all([root.ask("echo", 1), chat.ask("echo", 2)]), [[1], [2]], "acks");
      equal(heard.sort(), [["/", "one"], ["/chat", "two"]].sort(), "events");
      const tag = await t.tagged(chat);
      chat.disconnect();
      equal(await root.ask("reason", tag), ["client namespace disconnect"], "reason on the server");
      equal(await root.ask("echo", "alive"), ["alive"], "the other namespace");
      const again = chat.next("connect");
      t.kit.rejoin(chat.raw);
      await again;
      equal(await chat.ask("echo", "back"), ["back"], "the namespace, joined again");
    },

    async "rooms"(t) {
      const room = `r\u00f6\u00f6m-${Math.random()}`;
      const peers = [await t.open("/"), await t.open("/"), await t.open("/")];
      const said = peers.map((peer) => {
        const list = [];
        peer.on("said", (...args) => list.push(args));
        return list;
      });
      const [first, second, third] = peers;
      // Whoever has its own echo has what was said to it before.
      const quiet = async () => {
        await first.ask("echo");
        await Promise.all(peers.map((peer) => peer.ask("echo")));
      };
      await first.ask("join", room);
      await second.ask("join", room);
      first.emit("shout", room, "not me");
      await quiet();
      equal(said, [[], [["not me"]], []], "to the room except oneself");
      first.emit("announce", room, "all", { of: "you" });
      await quiet();
      equal(said, [[["all", { of: "you" }]], [["not me"], ["all", { of: "you" }]], []], "to the whole room");
      await second.ask("leave", room);
      third.emit("announce", room, "left over");
      await third.ask("echo");
      await quiet();
      equal(said.map((list) => list.length), [2, 2, 0], "after one has left");
    },

    async "server disconnects"(t) {
      const peer = await t.settled("/");
      const tag = await t.tagged(peer);
      peer.emit("kick");
      oneOf(await peer.closed, t.kit.reasons.kicked, "reason on the client");
      equal(await t.reason(tag), "server namespace disconnect", "reason on the server");
    },

    async "server closes the connection"(t) {
      const peer = await t.settled("/");
      const chat = await t.join(peer, "/chat").opened();
      const tags = [await t.tagged(peer), await t.tagged(chat)];
      peer.emit("drop");
      oneOf(await peer.closed, t.kit.reasons.dropped, "reason on the client");
      oneOf(await chat.closed, t.kit.reasons.dropped, "reason on the client, other namespace");
      for (const tag of tags) {
        oneOf(await t.reason(tag), ["server namespace disconnect", "forced server close"], "reason on the server");
      }
    },

    async "client disconnects"(t) {
      const peer = await t.settled("/");
      const tag = await t.tagged(peer);
      peer.disconnect();
      oneOf(await peer.closed, t.kit.reasons.left, "reason on the client");
      oneOf(await t.reason(tag), t.kit.parting(t.transport), "reason on the server");
      const second = `tag-${Math.random()}`;
      (await t.open("/", { query: { tag: second } })).disconnect();
      oneOf(await t.reason(second), t.kit.parting(t.transport), "reason on the server, at once");
    },

    async "client closes the connection"(t) {
      const peer = await t.settled("/");
      const tag = await t.tagged(peer);
      peer.engine.close();
      oneOf(await peer.closed, t.kit.reasons.closed, "reason on the client");
      equal(await t.reason(tag), "transport close", "reason on the server");
    },

    async "heartbeats keep it open"(t) {
      const peer = await t.settled("/", { server: "brisk" });
      let gone = null;
      peer.closed.then((reason) => (gone = reason));
      await sleep(4000);
      equal(gone, null, "reason on the client");
      equal(await peer.ask("echo", 1), [1], "echo");
    },

    // The client goes on, but neither polls nor writes.
    async "client falls silent"(t) {
      const peer = await t.settled("/", { server: "brisk" });
      const tag = await t.tagged(peer);
      silence(peer.engine);
      equal(await t.reason(tag, "brisk"), "ping timeout", "reason on the server");
    },

    // The connection stays, but nothing passes: either side must find out by itself.
    async "server falls silent"(t) {
      const relay = await t.relayed("brisk");
      const peer = await t.settled("/", { server: relay.port });
      const tag = await t.tagged(peer);
      relay.mute();
      oneOf(await peer.closed, t.kit.reasons.silent, "reason on the client");
      equal(await t.reason(tag, "brisk"), "ping timeout", "reason on the server");
    },

    async "reconnect"(t) {
      const relay = await t.relayed("main");
      const peer = await t.settled("/", { server: relay.port, reconnection: true });
      const tag = await t.tagged(peer);
      const [before] = await peer.ask("ids");
      const again = peer.next("connect");
      // By then a poll is waiting at the server, which thus learns of it.
      await sleep(100);
      relay.cut();
      oneOf(await peer.closed, t.kit.reasons.lost, "reason on the client");
      oneOf(await t.reason(tag), ["transport close", "transport error"], "reason on the server");
      await again;
      await t.upgraded(peer);
      const [after] = await peer.ask("ids");
      if (before === after) throw new Error("the new connection has the old id");
      equal(await peer.ask("echo", "again"), ["again"], "echo");
    },

    async "message near the limit"(t) {
      const peer = await t.open("/");
      const text = "x".repeat(LIMIT - 1000);
      const [back] = await peer.ask("echo", text);
      if (back !== text) throw new Error("came back changed");
    },

    // A client by JSONP is never told that its form was refused: nothing arrives, and the connection lives.
    async "message over the limit"(t) {
      const peer = await t.settled("/");
      const tag = await t.tagged(peer);
      await sleep(50);
      peer.emit("seq", "x".repeat(LIMIT + 1000));
      if (t.transport === "jsonp") {
        await sleep(200);
        equal(await peer.ask("seen"), [0, true], "what arrived");
        return;
      }
      oneOf(await peer.closed, t.kit.reasons.lost, "reason on the client");
      oneOf(await t.reason(tag), ["transport close", "transport error"], "reason on the server");
      equal(await (await t.open("/")).ask("echo", 1), [1], "the next connection");
    },
  };

  async function upgradeUnderTraffic(t) {
    const peer = await t.open("/");
    const seen = [];
    peer.on("tick", (index) => seen.push(index));
    const stream = peer.ask("stream", 200, 0.001);
    let sent = 0;
    const busy = () => peer.engine.transport.name !== "websocket" || peer.engine.upgrading || sent < 100;
    while (busy()) {
      for (let index = 0; index < 3; index++, sent++) peer.emit("seq", sent, ...(sent % 20 === 7 ? [bytes(30)] : []));
      await sleep(1);
    }
    equal(await peer.ask("seen"), [sent, true], "what went up: count, and whether in order");
    await stream;
    equal(seen, Array.from({ length: 200 }, (_, index) => index), "what came down");
    equal(await peer.ask("transport"), ["websocket"], "the transport");
  }

  // An engine whose transport does nothing any more: it does not even close when the engine gives up by itself.
  function silence({ transport }) {
    for (const name of ["write", "doWrite", "poll", "doPoll", "close", "doClose", "packet", "payload", "get"]) transport[name] = () => {};
  }

  const patient = ["heartbeats keep it open", "client falls silent", "server falls silent"];
  Object.assign(exports, { scenarios, patient, silence, LIMIT });
})(
  typeof module === "object" ? module.exports : globalThis.interop,
  typeof module === "object" ? require("./harness") : globalThis.interop.harness
);
