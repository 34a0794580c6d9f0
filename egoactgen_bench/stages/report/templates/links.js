  // The address of what is shown: `#gallery?` with the filters, and the sample in the viewer.
  var controls = form.elements, LISTS = {
    metric: G.metrics.map(function (metric) { return metric.label; }),
    run: G.runs.map(function (run) { return run.name; }),
    verb: G.verbs.names, video: G.videos.names
  };
  var START = {};
  Object.keys(LISTS).concat("order").forEach(function (name) { START[name] = controls[name].value; });

  function link() {
    var query = new URLSearchParams();
    Object.keys(LISTS).forEach(function (name) {
      if (controls[name].value !== START[name]) query.set(name, LISTS[name][controls[name].value]);
    });
    if (controls.order.value !== START.order) query.set("order", controls.order.value);
    if (controls.words.value.trim()) query.set("words", controls.words.value.trim());
    methods.querySelectorAll("input:not(:checked)").forEach(function (box) { query.append("hide", LISTS.run[box.value]); });
    if (at.sample >= 0) {
      query.set("sample", G.ids[at.sample]);
      query.set("image", at.cells[at.index].name);
      if (at.mode !== "image") {
        query.set("view", at.mode);
        query.set("other", at.cells[at.other].name);
      }
    }
    return "#gallery" + (query.size === 0 || !query.toString() ? "" : "?" + query);
  }
  function remember() {
    viewer.querySelector(".link").href = link();
    try { history.replaceState(null, "", link()); } catch (error) { /* not allowed for this address */ }
  }
  function follow() {
    if (location.hash.indexOf("#gallery?") !== 0) return;
    var query = new URLSearchParams(location.hash.slice(9)), wanted = query.get("sample");
    Object.keys(LISTS).forEach(function (name) {
      var index = LISTS[name].indexOf(query.get(name));
      controls[name].value = index < 0 ? START[name] : String(index);
    });
    controls.order.value = query.get("order") || START.order;
    if (!controls.order.value) controls.order.value = START.order;
    controls.words.value = query.get("words") || "";
    methods.querySelectorAll("input").forEach(function (box) {
      box.checked = query.getAll("hide").indexOf(LISTS.run[box.value]) < 0;
    });
    choose();
    document.getElementById("gallery").scrollIntoView();
    var sample = G.ids.indexOf(wanted), note = document.querySelector(".lost-link");
    note.hidden = wanted === null || sample >= 0;
    note.textContent = note.hidden ? "" : "The gallery does not show the sample " + wanted + ".";
    if (sample < 0) return;
    var names = strip(sample).map(function (each) { return each.name; });
    var mode = query.get("view") === "slider" || query.get("view") === "difference" ? query.get("view") : "image";
    var other = names.indexOf(query.get("other"));
    view(sample, Math.max(0, names.indexOf(query.get("image"))), other < 0 ? undefined : other, mode);
  }
  function changed() { choose(); remember(); }
  form.addEventListener("change", changed);
  controls.words.addEventListener("input", changed);
  methods.addEventListener("change", changed);
  addEventListener("hashchange", follow);
  follow();
