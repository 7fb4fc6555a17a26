// The fixture on the reference server: the same namespaces as tests/integration/fixture.py, so that a driver
// can be shown right before it judges ours. Prints one line of JSON with its ports.
"use strict";

const http = require("http");
const { Server } = require("socket.io");
const engine = require("engine.io");

const FACTS = JSON.parse(process.argv[2]);

class Waiting extends Map {
  // Reasons by tag, told to whoever asks, now or later.
  set(tag, reason) {
    const asked = this.get(tag);
    super.set(tag, reason);
    if (Array.isArray(asked)) asked.forEach((tell) => tell(reason));
  }

  when(tag, tell) {
    const known = this.get(tag);
    if (typeof known === "string") tell(known);
    else if (known) known.push(tell);
    else super.set(tag, [tell]);
  }
}

function wire(io, nsp, reasons) {
  nsp.on("connection", (socket) => {
    const seen = [];
    let tag = socket.handshake.query.tag;
    socket.on("disconnect", (reason) => tag && reasons.set(tag, reason));
    const events = {
      tag: (name, ack) => ((tag = name), ack()),
      reason: (name, ack) => reasons.when(name, ack),
      echo: (...args) => args.pop()(...args),
      repeat: (...args) => socket.emit("repeated", ...args),
      later: (seconds, value, ack) => setTimeout(ack, seconds * 1000, value),
      ask: (event, ...args) => {
        const ack = args.pop();
        socket.emit(event, ...args, (...answer) => ack(answer));
      },
      seq: (number) => seen.push(number),
      seen: (ack) => ack(seen.length, seen.every((number, index) => number === index)),
      count: (total, ack) => {
        for (let index = 0; index < total; index++) socket.emit("tick", index);
        ack(total);
      },
      stream: (total, gap, ack) => {
        let index = 0;
        const timer = setInterval(() => {
          socket.emit("tick", index++);
          if (index === total) {
            clearInterval(timer);
            if (ack) ack(total);
          }
        }, gap * 1000);
      },
      transport: (ack) => ack(socket.conn.transport.name),
      ids: (ack) => ack(socket.id, socket.conn.id),
      query: (name, ack) => ack(socket.handshake.query[name]),
      whoami: (ack) => ack(socket.handshake.auth),
      join: (room, ack) => (socket.join(room), ack()),
      leave: (room, ack) => (socket.leave(room), ack()),
      shout: (room, ...args) => socket.to(room).emit("said", ...args),
      announce: (room, ...args) => nsp.to(room).emit("said", ...args),
      kick: () => socket.disconnect(),
      drop: () => socket.disconnect(true),
    };
    for (const [name, handler] of Object.entries(events)) socket.on(name, handler);
  });
}

function refuse(message, data) {
  return Object.assign(new Error(message), { data });
}

function serve(options) {
  const page = (request, response) => response.writeHead(404, { "Content-Type": "text/html" }).end("<p>nothing here");
  const server = http.createServer(page);
  const io = new Server(server, { ...options, allowEIO3: true, cors: { origin: true, credentials: true } });
  const reasons = new Waiting();
  wire(io, io.of("/"), reasons);
  wire(io, io.of("/chat"), reasons);
  wire(io, io.of("/auth"), reasons);
  io.of("/auth").use((socket, next) =>
    socket.handshake.auth.token === "sesame" ? next() : next(refuse("not authorized"))
  );
  io.of("/refuse").use((socket, next) => setTimeout(next, 10, refuse("not today", { why: "closed", until: 7 })));
  echo(server, options);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

function echo(server, options) {
  const reasons = new Waiting();
  engine.attach(server, { ...options, allowEIO3: true, path: "/engine.io" }).on("connection", (socket) => {
    let tag = null;
    socket.on("close", (reason) => tag && reasons.set(tag, reason));
    socket.on("message", (message) => {
      const [verb, value] = typeof message === "string" ? message.split(":", 2) : [];
      if (verb === "tag") tag = value;
      else if (verb === "reason") reasons.when(value, (reason) => socket.send(reason));
      else if (verb === "count") for (let index = 0; index < +value; index++) socket.send(String(index));
      else if (verb === "transport") socket.send(socket.transport.name);
      else if (verb === "close") socket.close();
      else socket.send(message);
    });
  });
}

function translate(options) {
  return {
    pingInterval: options.ping_interval * 1000,
    pingTimeout: options.ping_timeout * 1000,
    maxHttpBufferSize: options.max_http_buffer_size,
  };
}

async function main() {
  const ports = {};
  for (const [name, options] of Object.entries(FACTS)) ports[name] = await serve(translate(options));
  console.log(JSON.stringify(ports));
  process.stdin.on("end", () => process.exit(0)).resume();
}

main();
