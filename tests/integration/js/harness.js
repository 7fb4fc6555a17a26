// What the scenarios stand on: peers with promises, comparison, and one line of JSON for each scenario.
"use strict";

(function (exports) {
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  async function until(ready, what, milliseconds = 10000) {
    for (const end = Date.now() + milliseconds; !(await ready()); await sleep(5)) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    }
  }

  // Bytes arrive as whatever the platform likes best; for comparing, all are one thing.
  function plain(value) {
    if (value instanceof ArrayBuffer) return { bytes: text(new Uint8Array(value)) };
    if (ArrayBuffer.isView(value)) return { bytes: text(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== "object") return value === undefined ? "undefined" : value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, plain(value[key])]));
  }

  function text(bytes) {
    let result = "";
    for (let at = 0; at < bytes.length; at += 8192) result += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return result;
  }

  function brief(value) {
    const json = JSON.stringify(plain(value));
    return json.length > 300 ? `${json.slice(0, 300)}... (${json.length} characters)` : json;
  }

  function equal(got, wanted, what) {
    if (JSON.stringify(plain(got)) !== JSON.stringify(plain(wanted))) {
      throw new Error(`${what}: wanted ${brief(wanted)}, got ${brief(got)}`);
    }
  }

  function oneOf(got, wanted, what) {
    if (!wanted.includes(got)) throw new Error(`${what}: wanted one of ${brief(wanted)}, got ${brief(got)}`);
  }

  function bytes(size, seed = 0) {
    const result = new Uint8Array(size);
    for (let index = 0; index < size; index++) result[index] = (index * 31 + (index >> 8) + seed) & 255;
    // The clients before 3.0 take nothing else for bytes.
    return typeof Buffer === "function" ? Buffer.from(result.buffer) : result.buffer;
  }

  // One client in one namespace.
  class Peer {
    constructor(kit, raw) {
      this.kit = kit;
      this.raw = raw;
      this.refused = new Promise((resolve) => raw.on(kit.refusal, (error) => resolve(kit.told(error))));
      this.connected = new Promise((resolve) => raw.on("connect", () => resolve(this)));
      this.closed = new Promise((resolve) => raw.on("disconnect", (reason) => resolve(reason)));
    }

    // Connected, or an error that says why not.
    async opened() {
      const refused = this.refused.then((why) => Promise.reject(new Error(`refused: ${brief(why)}`)));
      await Promise.race([this.connected, refused]);
      refused.catch(() => {});
      return this;
    }

    on(event, handler) {
      this.raw.on(event, handler);
    }

    next(event) {
      return new Promise((resolve) => this.raw.once(event, (...args) => resolve(args)));
    }

    emit(event, ...args) {
      this.raw.emit(event, ...args);
    }

    // Give the arguments of the acknowledgement, as an array.
    ask(event, ...args) {
      return new Promise((resolve) => this.raw.emit(event, ...args, (...answer) => resolve(answer)));
    }

    get engine() {
      return this.kit.engine(this.raw);
    }

    disconnect() {
      this.raw.disconnect();
    }
  }

  // What a scenario is given: the client under test, its transport, and the ports of the servers.
  class Context {
    constructor({ kit, transport, ports, relay, reference }) {
      Object.assign(this, { kit, transport, ports, relay, reference, disposals: [] });
    }

    url(server = "main") {
      return `http://127.0.0.1:${typeof server === "number" ? server : this.ports[server]}`;
    }

    // Ask for a connection of its own.
    peer(nsp = "/", given = {}) {
      const raw = this.kit.open(this.url(given.server), nsp, this.transport, given);
      this.disposals.push(() => raw.disconnect());
      return new Peer(this.kit, raw);
    }

    async open(nsp, given) {
      const peer = await this.peer(nsp, given).opened();
      if (this.kit.introduce) await this.kit.introduce(peer);
      return peer;
    }

    // The same, and the upgrade is over.
    async settled(nsp, given) {
      const peer = await this.open(nsp, given);
      await this.upgraded(peer);
      return peer;
    }

    async upgraded(peer) {
      if (this.transport !== "upgrade") return;
      await until(() => peer.engine.transport.name === "websocket" && !peer.engine.upgrading, "the client's upgrade");
      await until(async () => (await peer.ask("transport"))[0] === "websocket", "the server's upgrade");
    }

    // Join another namespace over the connection of a peer.
    join(peer, nsp, given) {
      const raw = this.kit.join(peer.raw, nsp, given);
      this.disposals.push(() => raw.disconnect());
      return new Peer(this.kit, raw);
    }

    // Name a peer, so that another can ask why it went.
    async tagged(peer) {
      const tag = `tag-${Math.random().toString(36).slice(2)}`;
      await peer.ask("tag", tag);
      await sleep(this.kit.pause || 0);
      return tag;
    }

    async reason(tag, server = "main") {
      const observer = await this.open("/", { server });
      const [reason] = await observer.ask("reason", tag);
      observer.disconnect();
      return reason;
    }

    // A relay before a server, to cut or to mute.
    async relayed(server) {
      const relay = await this.relay(this.ports[server]);
      // Later than the goodbyes that pass through it.
      this.disposals.push(() => setTimeout(() => relay.close(), 200));
      return relay;
    }

    dispose() {
      for (const dispose of this.disposals.reverse()) {
        try {
          dispose();
        } catch (error) {
          // Whatever a client thinks of being closed twice is not what the scenario asks.
        }
      }
    }
  }

  async function attempt(scenario, facts, milliseconds) {
    const context = new Context(facts);
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${milliseconds / 1000} s`)), milliseconds);
    });
    try {
      await Promise.race([scenario(context), late]);
      return null;
    } catch (error) {
      return String(error && error.message ? error.message : error);
    } finally {
      clearTimeout(timer);
      context.dispose();
    }
  }

  // Run the named scenarios, those that mostly wait together at the end.
  async function run(scenarios, names, facts, report, { patient = [], milliseconds = 30000 } = {}) {
    const one = async (name) => {
      const missing = () => Promise.reject(new Error("the driver has no such scenario"));
      report({ scenario: name, error: await attempt(scenarios[name] || missing, facts, milliseconds) });
    };
    for (const name of names.filter((name) => !patient.includes(name))) await one(name);
    await Promise.all(names.filter((name) => patient.includes(name)).map(one));
  }

  Object.assign(exports, { sleep, until, equal, oneOf, bytes, run });
})(typeof module === "object" ? module.exports : Object.assign(globalThis.interop, { harness: {} }).harness);
