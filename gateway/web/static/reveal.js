// Adds "Show" beside password fields. Without JavaScript there is no such button, and nothing else is missing.
"use strict";
const words = document.body.dataset;
for (const field of document.querySelectorAll("input[data-reveal]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  const set = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = shown ? words.hide : words.show;
    button.setAttribute("aria-label", shown ? words.hidePassword : words.showPassword);
  };
  button.addEventListener("click", () => set(field.type === "password"));
  // What is sent is a password field again, so that browsers do not remember it as text.
  field.form.addEventListener("submit", () => set(false));
  set(false);
  field.after(button);
}
