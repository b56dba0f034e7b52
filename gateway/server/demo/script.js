// The demo's own script: shows the event stream and talks to the echo. Everything else works without it.
"use strict";

const clock = document.getElementById("clock");
if (clock) {
  const state = document.getElementById("stream-state");
  const source = new EventSource(clock.dataset.source);
  source.onopen = () => { state.textContent = "Connected"; };
  source.onmessage = (event) => { clock.textContent = event.data; };
  source.onerror = () => { state.textContent = "Not connected. Trying again"; };
}

const echo = document.getElementById("echo");
if (echo) {
  const state = document.getElementById("socket-state");
  const said = document.getElementById("said");
  const address = new URL(echo.dataset.socket, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.onopen = () => { state.textContent = "Connected"; };
  socket.onclose = () => { state.textContent = "Closed. Reload the page to connect again"; };
  socket.onmessage = (event) => {
    const line = document.createElement("li");
    line.textContent = event.data;
    said.append(line);
    while (said.children.length > 5) said.firstChild.remove();
  };
  echo.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = echo.elements.text;
    if (text.value && socket.readyState === WebSocket.OPEN) socket.send(text.value);
    text.value = "";
    text.focus();
  });
}
