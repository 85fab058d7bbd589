"use strict";

function isAsked(question, answers) {
  const when = question.when;
  return !when || answers[when.question] === when.answer;
}

document.addEventListener("DOMContentLoaded", async () => {
  const form = await (await fetch("/rest/forms/current")).json();
  for (const question of form.questions.filter((each) => isAsked(each, form.answers))) {
    const label = document.createElement("label");
    label.textContent = question.id;
    document.getElementById("form").append(label);
  }
});
