  // A sample in the viewer: one image, two images with a slider, or their difference.
  var viewer = document.getElementById("viewer"), stage = viewer.querySelector(".stage");
  var slider = stage.querySelector("input"), compare = viewer.querySelector("form");
  var at = { sample: -1, cells: [], index: 0, other: 0, mode: "image" };

  function view(sample, index, other, mode) {
    at = { sample: sample, cells: strip(sample), index: index, other: other, mode: mode || at.mode };
    if (other === undefined || !at.cells[other]) at.other = at.cells.length - 1;  // the target, if there is one
    viewer.querySelector("strong").textContent = G.actions[sample] || G.ids[sample];
    viewer.querySelector(".hint").textContent = G.ids[sample];
    viewer.querySelector(".about").textContent = G.descriptions[sample] || "";
    var tabs = viewer.querySelector(".tabs");
    tabs.replaceChildren();
    at.cells.forEach(function (each, number) {
      var tab = make("button", "", each.name);
      tab.type = "button";
      tab.addEventListener("click", function () { turn(number); });
      tabs.append(tab);
    });
    compare.elements.other.replaceChildren();
    fill(compare.elements.other, at.cells.map(function (each) { return each.name; }));
    shape();
    present();
    if (!viewer.open) viewer.showModal();
  }
  function shape() {  // that of the frames: outputs are scored in it
    var there = at.cells.filter(function (each) { return each.picture[0] !== "!"; });
    var known = there.find(function (each) { return each.run === undefined; }) || there[0], probe = new Image();
    if (!known) return;
    probe.addEventListener("load", function () {
      viewer.style.setProperty("--ratio", probe.naturalWidth + " / " + probe.naturalHeight);
    });
    probe.src = address(known.picture);
  }
  function place(image, each) {
    image.alt = each.name;
    if (each.picture[0] === "!") image.removeAttribute("src"); else image.src = address(each.picture);
  }
  function present() {
    var current = at.cells[at.index], other = at.cells[at.other], position = order.indexOf(at.sample);
    var lost = [current].concat(at.mode === "image" ? [] : [other]).filter(function (each) { return each.picture[0] === "!"; });
    var note = stage.querySelector(".lost");
    place(stage.querySelector(".first"), current);
    place(stage.querySelector(".second"), other);
    note.hidden = !lost.length;
    note.textContent = lost.map(function (each) { return each.name + ": " + each.picture.slice(1).replace(/_/g, " "); }).join("; ");
    stage.dataset.mode = lost.length ? "lost" : at.mode;
    stage.querySelector(".left").textContent = at.mode === "difference" ? current.name + " − " + other.name : current.name;
    stage.querySelector(".right").textContent = at.mode === "slider" ? other.name : "";
    compare.elements.mode.value = at.mode;
    compare.elements.other.value = String(at.other);
    compare.elements.other.disabled = at.mode === "image";
    viewer.querySelectorAll(".tabs button").forEach(function (tab, number) {
      tab.setAttribute("aria-pressed", String(number === at.index));
    });
    viewer.querySelector(".place").textContent = position < 0 ? "" : (position + 1).toLocaleString("en") + " of " + order.length.toLocaleString("en");
    viewer.querySelector("[data-do=previous]").disabled = position < 1;
    viewer.querySelector("[data-do=next]").disabled = position < 0 || position === order.length - 1;
    list(current);
    remember();
  }
  function list(current) {  // the values of the methods shown, a row per metric
    var table = viewer.querySelector(".values"), runs = visible();
    table.replaceChildren();
    var head = table.createTHead().insertRow(), body = table.createTBody();
    ["Metric"].concat(runs.map(function (run) { return G.runs[run].name; })).forEach(function (text, column) {
      var cell = make("th", column && runs[column - 1] === current.run ? "current" : "", text);
      cell.scope = "col";
      head.append(cell);
    });
    G.metrics.forEach(function (metric) {
      var row = body.insertRow(), name = make("th", "", metric.label + (metric.up ? " ↑" : " ↓"));
      var ranked = runs.filter(function (run) { return G.runs[run].ranked; });
      var leader = best(ranked.map(function (run) { return metric.values[run][at.sample]; }), metric.up);
      name.scope = "row";
      row.append(name);
      runs.forEach(function (run) {
        var cell = row.insertCell(), found = value(metric, run, at.sample);
        cell.textContent = shown(found, metric.decimals);
        cell.className = (run === current.run ? "current" : "") + (G.runs[run].ranked && found === leader ? " best" : "");
      });
    });
  }
  function turn(index) { at.index = (index + at.cells.length) % at.cells.length; present(); }
  function step(count) {
    var next = order[order.indexOf(at.sample) + count];
    if (next !== undefined) view(next, at.index, at.other);
  }
  function switchTo(mode) { at.mode = at.mode === mode ? "image" : mode; present(); }
  viewer.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    var moves = event.target === slider;  // its arrow keys move the slider
    if (event.key === "ArrowRight" && !moves) turn(at.index + 1);
    else if (event.key === "ArrowLeft" && !moves) turn(at.index - 1);
    else if (event.key === "n" || event.key === "N") step(1);
    else if (event.key === "p" || event.key === "P") step(-1);
    else if (event.key === "s" || event.key === "S") switchTo("slider");
    else if (event.key === "d" || event.key === "D") switchTo("difference");
    else return;
    event.preventDefault();
  });
  viewer.addEventListener("click", function (event) {
    var wanted = event.target.dataset.do;
    if (event.target === viewer || wanted === "close") viewer.close();
    if (wanted === "next") step(1);
    if (wanted === "previous") step(-1);
  });
  viewer.addEventListener("close", function () { at.sample = -1; remember(); });
  slider.addEventListener("input", function () { stage.style.setProperty("--at", slider.value + "%"); });
  compare.addEventListener("change", function () {
    at.mode = compare.elements.mode.value;
    at.other = Number(compare.elements.other.value);
    present();
  });
  compare.addEventListener("submit", function (event) { event.preventDefault(); });
