// As much of a document as JSONP needs: scripts that are fetched and run, forms that post to a frame.
"use strict";

const http = require("http");
const vm = require("vm");

const agent = new http.Agent({ keepAlive: true });

function send(method, url, body, done, failed) {
  const headers = body === null ? {} : { "Content-Type": "application/x-www-form-urlencoded" };
  const request = http.request(url, { method, headers, agent }, (response) => {
    const pieces = [];
    response.on("data", (piece) => pieces.push(piece));
    response.on("error", failed);
    response.on("end", () => done(response, Buffer.concat(pieces).toString("utf8")));
  });
  request.on("error", failed);
  request.end(body);
}

class Element {
  constructor(tag) {
    if (!/^[a-z]+$/.test(tag)) throw new Error("not the name of an element");
    Object.assign(this, { tag, style: {}, attributes: {}, children: [], parentNode: null });
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  appendChild(child) {
    return this.insertBefore(child, null);
  }

  insertBefore(child, before) {
    const at = this.children.indexOf(before);
    this.children.splice(at < 0 ? this.children.length : at, 0, child);
    child.parentNode = this;
    if (child.tag === "script") child.run();
    return child;
  }

  removeChild(child) {
    this.children.splice(this.children.indexOf(child), 1);
    child.parentNode = null;
  }

  // A script runs when it comes from the network as JavaScript, as a browser under nosniff insists.
  run() {
    if (!this.src) return;
    const failed = () => this.onerror && this.onerror(new Error("script failed"));
    const done = (response, text) => {
      const kind = response.headers["content-type"] || "";
      const readable = /javascript/.test(kind) || !response.headers["x-content-type-options"];
      if (response.statusCode === 200 && readable) vm.runInThisContext(text);
      else failed();
    };
    send("GET", this.src, null, done, failed);
  }

  // Newlines in a text area are submitted as CR LF.
  submit() {
    const fields = this.children.filter((child) => child.tag === "textarea");
    const body = fields.map((area) => `${area.name}=${encodeURIComponent(area.value.replace(/\r?\n/g, "\r\n"))}`);
    const frame = () => this.children.find((child) => child.tag === "iframe" && child.name === this.target);
    const loaded = () => frame() && frame().onload && frame().onload();
    send("POST", this.action, body.join("&").replace(/%20/g, "+"), loaded, loaded);
  }
}

function install() {
  const head = new Element("head");
  const first = head.appendChild(new Element("script"));
  const body = new Element("body");
  globalThis.document = {
    head,
    body,
    documentElement: { style: {} },
    createElement: (tag) => new Element(tag),
    getElementsByTagName: (tag) => (tag === "script" ? [first] : []),
  };
}

module.exports = { install };
