  // Gallery --------------------------------------------------------------------------------------
  var G = DATA.gallery;
  var form = document.getElementById("gallery-controls"), cards = document.getElementById("cards");
  var more = document.getElementById("more"), methods = document.getElementById("methods");
  var order = [], drawn = 0;

  function address(picture) { return THUMBNAILS + picture.slice(0, 2) + "/" + picture + ".webp"; }
  function visible() {
    return Array.from(methods.querySelectorAll("input:checked"), function (box) { return Number(box.value); });
  }
  function strip(sample) {  // the images of a sample: input, the methods' outputs, target
    var found = visible().map(function (run) { return { run: run, name: G.runs[run].name, picture: G.runs[run].pictures[sample] }; });
    if (G.pictures.input) found.unshift({ name: "Input", picture: G.pictures.input[sample] });
    if (G.pictures.target) found.push({ name: "Target", picture: G.pictures.target[sample] });
    return found;
  }
  function value(metric, run, sample) { return number(metric.values[run][sample]); }

  function keys(metric, wanted, run) {  // sort keys: smallest first, samples without a value last
    var runs = run === "" ? visible() : [Number(run)];
    var sign = (wanted === "worst") === metric.up ? 1 : -1;
    return function (sample) {
      var values = runs.map(function (each) { return value(metric, each, sample); })
        .filter(function (each) { return !Number.isNaN(each); });
      if (wanted === "disagreement") {
        var low = Math.min.apply(null, values), high = Math.max.apply(null, values);
        return values.length < 2 ? Infinity : low === high ? 0 : low - high;
      }
      if (!values.length) return NaN;
      return sign * values.reduce(function (a, b) { return a + b; }, 0) / values.length;
    };
  }
  function choose() {
    var controls = form.elements, metric = G.metrics[controls.metric.value];
    var words = controls.words.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    var verb = controls.verb.value, video = controls.video.value;
    order = [];
    for (var sample = 0; sample < G.ids.length; sample++) {
      if (verb !== "" && G.verbs.codes[sample] !== Number(verb)) continue;
      if (video !== "" && G.videos.codes[sample] !== Number(video)) continue;
      if (words.length) {
        var text = (G.ids[sample] + " " + G.actions[sample] + " " + (G.descriptions[sample] || "")).toLowerCase();
        if (!words.every(function (word) { return text.indexOf(word) >= 0; })) continue;
      }
      order.push(sample);
    }
    if (controls.order.value !== "split" && metric) {
      var key = keys(metric, controls.order.value, controls.order.value === "disagreement" ? "" : controls.run.value);
      var by = new Map(order.map(function (sample) { return [sample, key(sample)]; }));
      order.sort(function (a, b) {
        var x = by.get(a), y = by.get(b);
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
        return x === y ? a - b : x < y ? -1 : 1;
      });
    }
    controls.run.disabled = controls.order.value === "split" || controls.order.value === "disagreement";
    document.getElementById("found").textContent =
      order.length.toLocaleString("en") + " of " + G.ids.length.toLocaleString("en") + " samples";
    cards.replaceChildren();
    drawn = 0;
    draw();
  }
  function draw() {
    var metric = G.metrics[form.elements.metric.value], some = document.createDocumentFragment();
    order.slice(drawn, drawn + PAGE).forEach(function (sample) { some.append(card(sample, metric)); });
    drawn = Math.min(order.length, drawn + PAGE);
    cards.append(some);
    more.hidden = drawn === order.length;
  }
  function card(sample, metric) {
    var article = make("article", "card sample"), header = make("header"), title = make("h3", "", G.actions[sample] || G.ids[sample]);
    title.dir = "auto";
    header.append(title, make("span", "hint", G.ids[sample]));
    var description = G.descriptions[sample];
    if (description) {
      var about = make("p", "about", description);
      about.dir = "auto";
      about.tabIndex = 0;
      title.title = description;
      header.append(about);
    }
    var cells = strip(sample), row = make("div", "strip" + (cells.length < 5 ? " few" : ""));
    row.style.setProperty("--columns", cells.length);
    var ranked = visible().filter(function (run) { return G.runs[run].ranked; });
    var leader = metric ? best(ranked.map(function (run) { return metric.values[run][sample]; }), metric.up) : NaN;
    cells.forEach(function (each, index) { row.append(cell(sample, each, index, metric, leader)); });
    article.append(header, row);
    return article;
  }
  function cell(sample, each, index, metric, leader) {
    var button = make("button", "cell" + (each.run === undefined ? " frame" : "")), name = make("span", "name");
    button.type = "button";
    if (each.picture[0] === "!") {
      button.append(make("span", "lost", each.picture.slice(1).replace(/_/g, " ")));
    } else {
      var image = make("img");
      image.loading = "lazy";
      image.decoding = "async";
      image.alt = each.name + ": " + (G.actions[sample] || G.ids[sample]);
      image.src = address(each.picture);
      image.addEventListener("load", function () { learn(image, each); });
      button.append(image);
    }
    name.append(make("span", "", each.name));
    if (metric && each.run !== undefined) {
      var found = value(metric, each.run, sample);
      name.append(make("span", G.runs[each.run].ranked && found === leader ? "top-value" : "", shown(found, metric.decimals)));
    }
    button.append(name);
    button.addEventListener("click", function () { view(sample, index, undefined, "image"); });
    return button;
  }
  // Outputs are shown in the shape of the frames, whatever their own: this is how they are scored.
  function learn(image, each) {
    if (each.run === undefined || !G.pictures.target) {
      image.closest(".strip").style.setProperty("--ratio", image.naturalWidth + " / " + image.naturalHeight);
    }
  }

  fill(form.elements.metric, G.metrics.map(function (metric) { return metric.label + (metric.up ? " ↑" : " ↓"); }));
  fill(form.elements.run, G.runs.map(function (run) { return run.name; }));
  fill(form.elements.verb, G.verbs.names);
  fill(form.elements.video, G.videos.names);
  G.runs.forEach(function (run, index) {
    var label = make("label"), box = make("input");
    box.type = "checkbox";
    box.value = String(index);
    box.checked = true;
    label.append(box, run.name);
    methods.append(label);
  });
  // At first: what the methods disagree on most, by a primary metric.
  var primary = G.metrics.findIndex(function (metric) { return metric.primary; });
  if (primary > 0) form.elements.metric.value = String(primary);
  if (G.runs.length > 1 && G.metrics.length) form.elements.order.value = "disagreement";
  form.hidden = false;
  methods.hidden = G.runs.length < 2;
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  more.addEventListener("click", draw);
  if (window.IntersectionObserver) {
    new IntersectionObserver(function (seen) {
      if (seen[0].isIntersecting && !more.hidden && scrollY > 0) draw();
    }, { rootMargin: "600px" }).observe(more);
  }
  var opened = [];
  addEventListener("beforeprint", function () {
    document.querySelectorAll("img[loading=lazy]").forEach(function (image) { image.loading = "eager"; });
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (details) { details.open = true; });
  });
  addEventListener("afterprint", function () { opened.forEach(function (details) { details.open = false; }); });
  choose();
