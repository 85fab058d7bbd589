"use strict";

document.addEventListener("DOMContentLoaded", async () => {
  const forms = await (await fetch("/rest/forms")).json();
  for (const form of forms) {
    const item = document.createElement("li");
    item.textContent = form.name;
    document.getElementById("forms").append(item);
  }
});
