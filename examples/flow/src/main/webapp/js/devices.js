"use strict";

document.addEventListener("DOMContentLoaded", async () => {
  const devices = await (await fetch("/rest/devices")).json();
  for (const device of devices) {
    const row = document.getElementById("devices").insertRow();
    row.insertCell().textContent = device.name;
    row.insertCell().textContent = device.lastSeenAt;
  }
});
