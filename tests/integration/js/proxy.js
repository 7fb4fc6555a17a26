// A TCP relay on loopback that can fall silent (nothing passes, not even the end of a connection) or drop everything.
"use strict";

const net = require("net");

class Relay {
  constructor(port) {
    this.pairs = new Set();
    this.server = net.createServer((near) => this.join(near, net.connect(port, "127.0.0.1")));
    this.silent = false;
    this.down = false;
  }

  listen() {
    return new Promise((resolve) => this.server.listen(0, "127.0.0.1", () => resolve(this.server.address().port)));
  }

  join(near, far) {
    if (this.down) {
      [near, far].forEach((socket) => socket.on("error", () => {}).destroy());
      return;
    }
    const pair = [near, far];
    this.pairs.add(pair);
    pair.forEach((socket) => socket.on("error", () => {}));
    for (const [from, to] of [[near, far], [far, near]]) {
      from.setNoDelay(true);
      from.on("data", (data) => this.silent || to.write(data));
      from.on("close", () => {
        if (this.silent) return;
        to.destroy();
        this.pairs.delete(pair);
      });
    }
  }

  mute() {
    this.silent = true;
  }

  // Drop every connection, and those that come within the next 100 ms.
  cut() {
    for (const pair of this.pairs) pair.forEach((socket) => socket.destroy());
    this.down = true;
    setTimeout(() => (this.down = false), 100);
  }

  close() {
    this.cut();
    this.server.close();
  }
}

module.exports = { Relay };
