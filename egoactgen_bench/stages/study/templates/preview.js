(function () {
  "use strict";
  var forms = Array.from(document.querySelectorAll("form.task"));
  var end = document.querySelector(".end");
  var state = load() || fresh();
  var shownAt = Date.now();

  function fresh() {
    var random = new Uint32Array(2);
    crypto.getRandomValues(random);
    var person = "P" + Array.from(random, function (n) { return n.toString(36); }).join("");
    return { person: person.toUpperCase(), at: 0, answers: {}, seconds: {}, accepted: {}, submitted: {} };
  }
  function load() {
    try { return JSON.parse(localStorage.getItem(STORE)); } catch (error) { return null; }
  }
  function keep() {
    try { localStorage.setItem(STORE, JSON.stringify(state)); } catch (error) { /* private window */ }
  }

  function names(form) {
    var all = Array.from(form.querySelectorAll("input[required]"), function (i) { return i.name; });
    return all.filter(function (name, index) { return all.indexOf(name) === index; });
  }
  function complete(form) {
    var answer = state.answers[form.dataset.task] || {};
    return names(form).every(function (name) { return answer[name]; });
  }
  function fill(form) {
    var answer = state.answers[form.dataset.task] || {};
    form.reset();
    form.querySelectorAll("input[type=radio]").forEach(function (input) {
      input.checked = answer[input.name] === input.value;
    });
    form.elements.comment.value = answer.comment || "";
  }
  function store(form) {
    var task = form.dataset.task, answer = {}, now = Date.now();
    new FormData(form).forEach(function (value, name) { answer[name] = value; });
    state.answers[task] = answer;
    state.submitted[task] = now;
    keep();
    update();
  }

  function countTime() {
    var form = forms[state.at], now = Date.now();
    if (form) {
      var task = form.dataset.task;
      state.seconds[task] = (state.seconds[task] || 0) + (now - shownAt) / 1000;
    }
    shownAt = now;
  }
  function show(index) {
    countTime();
    state.at = Math.max(0, Math.min(forms.length, index));
    forms.forEach(function (form, i) {
      form.hidden = i !== state.at;
      form.classList.toggle("current", i === state.at);
    });
    end.hidden = state.at < forms.length;
    if (state.at < forms.length) {
      var task = forms[state.at].dataset.task;
      state.accepted[task] = state.accepted[task] || Date.now();
    }
    keep();
    update();
  }
  function update() {
    var answered = forms.filter(complete).length, left = forms.length - answered;
    document.querySelector(".where").textContent = state.at < forms.length
      ? "Task " + (state.at + 1) + " of " + forms.length : "Finished";
    document.querySelector(".done").textContent = answered + " answered";
    document.querySelector(".still").textContent = left
      ? left + (left === 1 ? " task is" : " tasks are") + " unanswered: go back to answer, or save the answers so far."
      : "Save your answers as a file and send it to the person who runs the study.";
    document.querySelector(".progress span").style.width = 100 * answered / forms.length + "%";
    document.querySelector(".person").textContent = "participant " + state.person;
    document.querySelector("[data-do=back]").disabled = state.at === 0;
    document.querySelector("[data-do=next]").disabled = state.at === forms.length;
  }

  function clock(time) {  // in Mechanical Turk's format: Sat Oct 26 10:21:19 UTC 2019
    var part = new Date(time).toUTCString().replace(",", "").split(" ");
    return [part[0], part[2], part[1], part[4], "UTC", part[3]].join(" ");
  }
  function row(form, input) {
    var task = form.dataset.task;
    var known = {
      HITId: "PREVIEW-" + task, HITTypeId: "PREVIEW", Title: STUDY, MaxAssignments: "1",
      AssignmentId: "PREVIEW-" + state.person + "-" + task, WorkerId: state.person,
      AssignmentStatus: "Submitted", AcceptTime: clock(state.accepted[task] || state.submitted[task]),
      SubmitTime: clock(state.submitted[task]),
      WorkTimeInSeconds: String(Math.round(state.seconds[task] || 0))
    };
    var fixed = HEADER.slice(0, HEADER.length - input.length)
      .map(function (column) { return known[column] || ""; });
    return fixed.concat(input, [JSON.stringify([state.answers[task]])], ["", ""]);
  }
  function save() {
    countTime();
    var rows = [HEADER.concat(["Answer.taskAnswers", "Approve", "Reject"])];
    forms.forEach(function (form, index) {
      if (complete(form)) rows.push(row(form, BATCH[index]));
    });
    var text = rows.map(function (cells) {
      return cells.map(function (cell) { return '"' + String(cell).replace(/"/g, '""') + '"'; }).join(",");
    }).join("\r\n") + "\r\n";
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = STUDY + "-" + state.person + ".csv";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  var actions = {
    back: function () { show(state.at - 1); scrollTo(0, 0); },
    next: function () { show(state.at + 1); scrollTo(0, 0); },
    save: save,
    fresh: function () {
      if (!confirm("Delete the answers in this browser and start as another person?")) return;
      state = fresh();
      forms.forEach(fill);
      show(0);
    }
  };
  document.querySelectorAll("[data-do]").forEach(function (button) {
    button.addEventListener("click", actions[button.dataset.do]);
  });
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("textarea")) return;
    if (event.key === "ArrowRight" || event.key === "Enter" && !event.target.closest("button, summary")) {
      actions.next();
    } else if (event.key === "ArrowLeft") {
      actions.back();
    } else {
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) { countTime(); keep(); } else { shownAt = Date.now(); }
  });
  forms.forEach(function (form) {
    fill(form);
    form.addEventListener("input", function () { store(form); });
    form.addEventListener("change", function () { store(form); });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
  });
  shownAt = Date.now();
  show(state.at);
})();
