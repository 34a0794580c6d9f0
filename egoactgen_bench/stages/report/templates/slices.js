  // Results by slice -----------------------------------------------------------------------------
  (function () {
    var choices = [], kinds = [];
    DATA.slices.forEach(function (slices, protocol) {
      slices.metrics.forEach(function (metric) {
        choices.push({ slices: slices, metric: metric,
          label: metric.label + (DATA.slices.length > 1 ? " (" + slices.protocol + ")" : "") });
      });
      Object.keys(slices.kinds).forEach(function (kind) { if (kinds.indexOf(kind) < 0) kinds.push(kind); });
    });
    if (!choices.length || !kinds.length) { document.getElementById("parts").hidden = true; return; }
    var form = document.getElementById("slice-controls"), table = document.getElementById("slices");
    var more = document.getElementById("more-parts"), every = false;
    fill(form.elements.kind, kinds.map(function (kind) { return "by " + kind; }), kinds);
    fill(form.elements.metric, choices.map(function (choice) { return choice.label; }));
    form.hidden = false;

    function draw() {
      var choice = choices[form.elements.metric.value], metric = choice.metric, slices = choice.slices;
      var kind = slices.kinds[form.elements.kind.value];
      table.replaceChildren();
      more.hidden = true;
      if (!kind) return;
      var head = table.createTHead().insertRow(), body = table.createTBody();
      [form.elements.kind.value, "n"].concat(slices.runs).forEach(function (text) {
        var cell = make("th", "", text);
        cell.scope = "col";
        head.append(cell);
      });
      var own = slices.runs.map(function (run) { return slices.unranked.indexOf(run) < 0; });
      var values = kind.values[metric.name], count = every ? kind.parts.length : Math.min(PARTS, kind.parts.length);
      for (var part = 0; part < count; part++) {
        var row = body.insertRow(), name = make("th", "", kind.parts[part]);
        name.scope = "row";
        name.dir = "auto";
        row.append(name, make("td", "", kind.sizes[part].toLocaleString("en")));
        var leader = best(values.map(function (run, index) { return own[index] ? run[part][0] : null; }), metric.up);
        values.forEach(function (run, index) {
          var cell = row.insertCell(), found = run[part];
          cell.textContent = shown(found[0], metric.decimals);
          if (own[index] && number(found[0]) === leader) cell.className = "best";
          if (!own[index]) cell.style.color = "var(--soft)";
          if (found[1] !== null) cell.title = "95 % interval " + shown(found[1], metric.decimals) + " to " + shown(found[2], metric.decimals);
        });
      }
      sortable(table);
      more.hidden = count === kind.parts.length;
      more.textContent = "Show all " + kind.parts.length + " slices";
    }
    more.addEventListener("click", function () { every = true; draw(); });
    form.addEventListener("change", function () { every = false; draw(); });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    draw();
  })();
