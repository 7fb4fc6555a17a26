// A node of a cluster: a reference server with the published adapter, published clients, and a published emitter, all
// told what to do by lines of JSON on the standard input.
//
// node cluster_peer.js '{"redis": {"port": 6379}, "key": "socket.io", "namespaces": ["/", "/chat"]}'
//
// Its first line has its port and its process id. Each order, {"id": 1, "do": "..."}, is answered by {"id": 1, "result": ...} or
// {"id": 1, "error": "..."}, when it is done. Bytes are {"$binary": "<base64>"} both ways.
"use strict";

const http = require("http");
const readline = require("readline");
const { Server } = require("socket.io");
const { io: connect } = require("sio4");
const { createAdapter } = require("@socket.io/redis-adapter");
const { Emitter } = require("@socket.io/redis-emitter");

const JOB = JSON.parse(process.argv[2]);
const say = (value) => process.stdout.write(`${JSON.stringify(outward(value))}\n`);

function outward(value) {
  if (Buffer.isBuffer(value)) return { $binary: value.toString("base64") };
  if (value instanceof Set) return [...value].map(outward);
  if (Array.isArray(value)) return value.map(outward);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, outward(item)]));
}

function inward(value) {
  if (Array.isArray(value)) return value.map(inward);
  if (value === null || typeof value !== "object") return value;
  if ("$binary" in value) return Buffer.from(value.$binary, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inward(item)]));
}

// What went wrong in the libraries; they must be none the worse for what we publish.
const troubles = [];
const trouble = (where) => (error) => troubles.push(`${where}: ${error && error.message}`);
process.on("uncaughtException", trouble("uncaught"));
process.on("unhandledRejection", trouble("unhandled"));

async function link(name) {
  if (JOB.library === "ioredis") {
    const { Redis } = require("ioredis");
    const client = new Redis({ host: "127.0.0.1", ...JOB.redis });
    client.on("error", trouble(name));
    await new Promise((resolve) => client.once("ready", resolve));
    return client;
  }
  const { createClient } = require("@redis/client");
  const { username, password, ...socket } = { host: "127.0.0.1", ...JOB.redis };
  const client = createClient({ socket, username, password });
  client.on("error", trouble(name));
  await client.connect();
  return client;
}

// What a client or a server has received, to be taken one by one.
class Inbox {
  constructor() {
    this.all = [];
    this.unread = [];
    this.readers = [];
  }

  put(event, args) {
    this.all.push([event, ...args]);
    const index = this.readers.findIndex((reader) => reader.event === event);
    if (index < 0) this.unread.push([event, ...args]);
    else this.readers.splice(index, 1)[0].resolve(args);
  }

  take(event, milliseconds = 10000) {
    const index = this.unread.findIndex(([name]) => name === event);
    if (index >= 0) return this.unread.splice(index, 1)[0].slice(1);
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no ${event} came; there was ${JSON.stringify(outward(this.all)).slice(0, 500)}`));
      const timer = setTimeout(late, milliseconds);
      this.readers.push({ event, resolve: (args) => (clearTimeout(timer), resolve(args)) });
    });
  }
}

const clients = {};
const servers = {};
const answers = {};

// The namespaces take "join", "leave" and "data" from their clients, and keep what other servers emit to them.
function serve(io, name) {
  const nsp = io.of(name);
  const inbox = (servers[name] = new Inbox());
  nsp.on("connection", (socket) => {
    socket.on("join", (room, ack) => (socket.join(room), ack()));
    socket.on("leave", (room, ack) => (socket.leave(room), ack()));
    socket.on("data", (data, ack) => (Object.assign(socket.data, data), ack()));
  });
  for (const event of ["news", "question"]) {
    nsp.on(event, (...args) => {
      const answer = typeof args[args.length - 1] === "function" ? args.pop() : null;
      inbox.put(event, args);
      if (answer && event in answers) answer(answers[event]);
    });
  }
}

function operator(start, { rooms, except, flags = {} }) {
  let chosen = start;
  if (rooms) chosen = chosen.to(rooms);
  if (except) chosen = chosen.except(except);
  if (flags.volatile) chosen = chosen.volatile;
  if (flags.local) chosen = chosen.local;
  if (flags.timeout) chosen = chosen.timeout(flags.timeout);
  return chosen;
}

const described = ({ id, handshake, rooms, data }) => ({ id, handshake, rooms: [...rooms].sort(), data });

async function main() {
  const server = http.createServer();
  const io = new Server(server);
  const publisher = await link("publisher");
  const subscriber = await link("subscriber");
  const { key = "socket.io", timeout, specific } = JOB;
  io.adapter(createAdapter(publisher, subscriber, { key, requestsTimeout: timeout, publishOnSpecificResponseChannel: specific }));
  for (const name of JOB.namespaces || ["/"]) serve(io, name);
  const orders = {
    // What a server's operators do: {method, args}.
    operator: async ({ nsp = "/", method, args = [], ...target }) => {
      const result = await operator(io.of(nsp), target)[method](...inward(args));
      return method === "fetchSockets" ? result.map(described) : method === "emit" ? null : result;
    },
    // An emit that asks for acknowledgements, and what came of it, also when some are missing.
    acks: ({ nsp = "/", args, ...target }) =>
      new Promise((resolve) => {
        operator(io.of(nsp), target).emit(...inward(args), (error, responses) => resolve({ error: error && error.message, responses }));
      }),
    // Numbers without end, a few at a time.
    flood: ({ event }) => {
      let number = 0;
      const more = () => {
        for (let count = 0; count < 5; count++) io.emit(event, number++);
        setTimeout(more, 1);
      };
      more();
    },
    adapter: ({ nsp = "/", method }) => io.of(nsp).adapter[method](),
    emitter: ({ nsp = "/", method, args, key: other = key, ...target }) => {
      operator(new Emitter(publisher, { key: other }).of(nsp), target)[method](...inward(args));
    },
    publish: ({ channel, message }) => publisher.publish(channel, inward(message)),
    server: ({ nsp = "/", event }) => servers[nsp].take(event),
    answer: ({ event, value }) => void (answers[event] = inward(value)),
    client: ({ name, port, nsp = "/", auth, replies = {}, transports = ["websocket"] }) =>
      new Promise((resolve, reject) => {
        const url = `http://127.0.0.1:${port || server.address().port}${nsp}`;
        const socket = connect(url, { auth, transports, forceNew: true, reconnection: false });
        const client = (clients[name] = Object.assign(new Inbox(), { socket }));
        socket.on("connect", () => resolve(socket.id));
        socket.on("connect_error", reject);
        socket.on("disconnect", (reason) => client.put("disconnect", [reason]));
        socket.onAny((event, ...args) => {
          const ack = typeof args[args.length - 1] === "function" ? args.pop() : null;
          client.put(event, args);
          if (ack && event in replies) ack(inward(replies[event]));
        });
      }),
    ask: ({ name, args }) => new Promise((resolve) => clients[name].socket.emit(...inward(args), (...answer) => resolve(answer))),
    next: ({ name, event, timeout: milliseconds }) => clients[name].take(event, milliseconds),
    heard: ({ name }) => clients[name].all,
    leave: ({ name }) => void clients[name].socket.disconnect(),
    troubles: () => troubles,
  };
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const { id, do: verb, ...order } = JSON.parse(line);
    try {
      const result = await orders[verb](order);
      say({ id, result: result === undefined ? null : result });
    } catch (error) {
      say({ id, error: String(error && error.message ? error.message : error) });
    }
  });
  lines.on("close", () => process.exit(0));
  server.listen(0, "127.0.0.1", () => say({ port: server.address().port, pid: process.pid }));
}

main();
