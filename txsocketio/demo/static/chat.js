"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const typingPeople = new Set();
  const TYPING_PAUSE = 1500;
  const ACK_TIMEOUT = 5000;
  let socket = null;
  let me = "";
  let room = "";
  let typingTimer = null;

  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  };

  const clock = (seconds) =>
    new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  function add(item) {
    const list = $("messages");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    list.append(item);
    if (atEnd) list.scrollTop = list.scrollHeight;
    return item;
  }

  function message(className, nick, text, meta) {
    const item = element("li", className, "");
    item.append(element("div", "who", nick), element("div", "text", text), element("div", "meta", meta));
    return add(item);
  }

  const note = (text) => add(element("li", "note", text));

  function status(text, lost) {
    $("status").textContent = text;
    $("status").className = lost ? "lost" : "";
  }

  function showTransport() {
    status(`${me}, connected by ${socket.io.engine.transport.name}`, false);
  }

  function showRooms(counts) {
    const items = Object.entries(counts).map(([name, count]) => {
      const button = element("button", "", "");
      button.type = "button";
      button.dataset.room = name;
      button.append(element("span", "name", name), element("span", "count", String(count)));
      button.setAttribute("aria-current", String(name === room));
      button.addEventListener("click", () => enter(name));
      const item = document.createElement("li");
      item.append(button);
      return item;
    });
    $("rooms").replaceChildren(...items);
  }

  function showHere(name, people) {
    if (name !== room) {
      room = name;
      typingPeople.clear();
      showTyping();
      $("messages").replaceChildren();
      $("room-name").textContent = room;
      note(`You are in ${room}.`);
    }
    $("room-count").textContent = people.length === 1 ? "only you" : `${people.length} people`;
    $("people").replaceChildren(...people.map((nick) => element("li", nick === me ? "me" : "", nick)));
    for (const button of $("rooms").querySelectorAll("button")) {
      button.setAttribute("aria-current", String(button.dataset.room === room));
    }
  }

  function showTyping() {
    const people = [...typingPeople].sort();
    const verb = people.length === 1 ? "is" : "are";
    $("typing").textContent = people.length ? `${people.join(", ")} ${verb} typing …` : "";
  }

  function enter(name) {
    stopTyping();
    socket.timeout(ACK_TIMEOUT).emit("enter", name, (lost, answer) => {
      if (lost) note("The server did not answer.");
      else if (answer.error) note(answer.error);
      $("text").focus();
    });
  }

  function say(text) {
    const item = message("mine waiting", me, text, "sending …");
    const meta = item.querySelector(".meta");
    socket.timeout(ACK_TIMEOUT).emit("say", text, (lost, answer) => {
      const problem = lost ? "not sent: the server did not answer" : answer.error;
      item.className = problem ? "mine failed" : "mine";
      const heard = problem || answer.others === 0 ? "nobody else is here" : `to ${answer.others} ✓`;
      meta.textContent = problem || `${clock(answer.at)} · ${heard}`;
    });
  }

  function typing() {
    if (typingTimer === null) socket.emit("typing", true);
    clearTimeout(typingTimer);
    typingTimer = setTimeout(stopTyping, TYPING_PAUSE);
  }

  function stopTyping() {
    if (typingTimer === null) return;
    clearTimeout(typingTimer);
    typingTimer = null;
    socket.emit("typing", false);
  }

  function refuse(text) {
    $("refused").textContent = text;
    $("refused").hidden = false;
    $("join").disabled = false;
    $("nick").focus();
  }

  function come(nick) {
    $("join").disabled = true;
    $("refused").hidden = true;
    me = nick;
    if (socket) socket.close();
    socket = io("/chat", { auth: (give) => give({ nick: me, room }), forceNew: true });
    socket.on("connect", () => {
      $("gate").hidden = true;
      $("chat").hidden = false;
      showTransport();
      socket.io.engine.on("upgrade", showTransport);
      $("text").focus();
    });
    socket.on("connect_error", (error) => {
      if (socket.active) {
        status("The server cannot be reached; trying again …", true);
        if (!$("gate").hidden) refuse("The server cannot be reached; trying again …");
      } else {
        socket.close();
        $("chat").hidden = true;
        $("gate").hidden = false;
        refuse(`Sorry: ${error.message}.`);
      }
    });
    socket.on("disconnect", (reason) => status(`Connection lost (${reason}); trying again …`, true));
    socket.on("rooms", showRooms);
    socket.on("here", showHere);
    socket.on("said", (nick, text, at) => message("theirs", nick, text, clock(at)));
    socket.on("typing", (nick, active) => {
      if (active) typingPeople.add(nick);
      else typingPeople.delete(nick);
      showTyping();
    });
  }

  $("join-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const nick = $("nick").value.trim().replace(/\s+/g, " ");
    if (nick) come(nick);
  });

  $("say-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("text").value.trim();
    if (!text) return;
    $("text").value = "";
    stopTyping();
    say(text);
  });

  $("room-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("new-room").value.trim().replace(/\s+/g, " ");
    if (!name) return;
    $("new-room").value = "";
    enter(name);
  });

  $("text").addEventListener("input", typing);
})();
