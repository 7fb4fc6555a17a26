// One face for every line of clients: a scenario asks this and never the version.
//
// A client opens peers. What differs (how a connection is asked for, what a refusal looks like, which reasons a client
// reports) is in these records. Nothing here needs Node: a page can load the same file.
"use strict";

(function (exports) {
  const REASONS = {
    kicked: ["io server disconnect"],
    dropped: ["io server disconnect"],
    left: ["io client disconnect"],
    closed: ["forced close"],
    silent: ["ping timeout"],
    lost: ["transport close", "transport error"],
  };

  function options(transport, given) {
    const { auth, query, reconnection = false } = given;
    return {
      auth,
      query,
      reconnection,
      reconnectionDelay: 50,
      forceNew: true,
      transports: { upgrade: ["polling", "websocket"], websocket: ["websocket"] }[transport] || ["polling"],
      upgrade: transport === "upgrade",
      forceJSONP: transport === "jsonp",
      timeout: 10000,
    };
  }

  // Clients 3.x and 4.x.
  function current(io) {
    return {
      binary: true,
      payload: true,
      views: true,
      reasons: REASONS,
      parting: () => ["client namespace disconnect"],
      refusal: "connect_error",
      refused: (message, data) => (data === undefined ? { message } : { message, data }),
      told: (error) => (error.data === undefined ? { message: error.message } : { message: error.message, data: error.data }),
      open: (url, nsp, transport, given) => io(url + nsp, options(transport, given)),
      join: (socket, nsp, given) => socket.io.socket(nsp, given),
      rejoin: (socket) => socket.connect(),
      engine: (socket) => socket.io.engine,
    };
  }

  // Clients 1.x and 2.x: the credentials go in the namespace's query, and a refusal has the message or the data.
  function older(io) {
    const ask = (nsp, auth) => (auth ? `${nsp}?${new URLSearchParams(auth)}` : nsp);
    return {
      ...current(io),
      views: false,
      refusal: "error",
      refused: (message, data) => (data === undefined ? message : data),
      told: (error) => error,
      open: (url, nsp, transport, given) => io(url + ask(nsp, given.auth), options(transport, given)),
      join: (socket, nsp) => socket.io.socket(nsp),
    };
  }

  // Clients 1.x encode texts twice in polling payloads. A server knows them by the first such text that they send; what
  // it sends before must be ASCII.
  function doubled(io) {
    return { ...older(io), introduce: (peer) => peer.ask("echo", "\u00e9") };
  }

  // Client 0.9: no binary, no payload with a connect, hardly any reasons. It has one word for leaving, the root's goodbye,
  // and ends the connection with it. Without one it only drops its transport; a script cannot be dropped, so that there
  // it is as when the page goes.
  function ancient(io) {
    const names = { polling: "xhr-polling", jsonp: "jsonp-polling" };
    const parting = ["client namespace disconnect"];
    return {
      binary: false,
      payload: false,
      reasons: {
        kicked: [undefined, "booted"],
        dropped: ["booted"],
        left: ["booted"],
        closed: [undefined, "booted"],
        silent: [undefined],
        lost: [undefined],
      },
      // The goodbye is posted while the poll is given up: they travel by different connections.
      parting: (transport) => (transport === "polling" ? [...parting, "transport close"] : parting),
      // Until its POST has been answered, and its poll has reached the server, it can vanish without a trace.
      pause: 100,
      refusal: "connect_failed",
      refused: () => "unauthorized",
      told: (error) => error,
      open(url, nsp, transport, given) {
        // Else it takes XMLHttpRequest for the handshake.
        if (transport === "jsonp") io.util.ua.hasCORS = !(io.Socket.prototype.isXDomain = () => true);
        io.transports.splice(0, io.transports.length, names[transport] || transport);
        const query = given.query ? `?${new URLSearchParams(given.query)}` : "";
        return io.connect(url + nsp + query, {
          "force new connection": true,
          "reconnect": given.reconnection || false,
          // A handshake by a script that fails is waited for without end: not while the server is away.
          "reconnection delay": 200,
          "connect timeout": 10000,
        });
      },
      join: (socket, nsp) => socket.socket.of(nsp),
      rejoin: (socket) => socket.packet({ type: "connect" }),
      engine({ socket }) {
        const close = () => (socket.transport.name === "jsonp-polling" ? socket.disconnectSync() : socket.transport.close());
        return { transport: socket.transport, close };
      },
    };
  }

  const engineOptions = (transport) => ({ ...options(transport, {}), path: "/engine.io/" });

  // engine.io-client 6 is made by a class, 3.5 by a function.
  const engineCurrent = ({ Socket }) => ({ make: (url, transport) => new Socket(url, engineOptions(transport)) });
  const engineOlder = (eio) => ({ make: (url, transport) => eio(url, engineOptions(transport)) });

  exports.clients = {
    sio4: current,
    sio3: current,
    sio2: older,
    sio1: doubled,
    sio0: ancient,
    eio6: engineCurrent,
    eio3: engineOlder,
  };
})(typeof module === "object" ? module.exports : (globalThis.interop = {}));
