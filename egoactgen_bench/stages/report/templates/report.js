(function () {
  "use strict";
  var DATA = JSON.parse(document.getElementById("data").textContent);
  var PAGE = 24, PARTS = 15;

  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function number(value) { return value === null || value === undefined ? NaN : value === "inf" ? Infinity : value === "-inf" ? -Infinity : value; }
  function shown(value, decimals) {
    value = number(value);
    if (Number.isNaN(value)) return "–";
    return Number.isFinite(value) ? value.toFixed(decimals).replace("-", "−") : value > 0 ? "∞" : "−∞";
  }
  function fill(select, labels, values) {
    labels.forEach(function (label, index) {
      var option = make("option", "", label);
      option.value = values ? values[index] : String(index);
      select.append(option);
    });
  }
  function best(values, up) {  // the best value, ignoring missing ones
    var there = values.map(number).filter(function (value) { return !Number.isNaN(value); });
    return there.length > 1 ? Math[up ? "max" : "min"].apply(null, there) : NaN;
  }

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
      more.hidden = count === kind.parts.length;
      more.textContent = "Show all " + kind.parts.length + " slices";
    }
    more.addEventListener("click", function () { every = true; draw(); });
    form.addEventListener("change", function () { every = false; draw(); });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    draw();
  })();

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
    button.addEventListener("click", function () { view(sample, index); });
    return button;
  }
  // Outputs are shown in the shape of the frames, whatever their own: this is how they are scored.
  function learn(image, each) {
    if (each.run === undefined || !G.pictures.target) {
      image.closest(".strip").style.setProperty("--ratio", image.naturalWidth + " / " + image.naturalHeight);
    }
  }

  // Enlarged sample -----------------------------------------------------------------------------
  var viewer = document.getElementById("viewer"), at = { cells: [], index: 0 };
  function view(sample, index) {
    at = { cells: strip(sample), index: index, sample: sample };
    viewer.querySelector("strong").textContent = G.actions[sample] || G.ids[sample];
    viewer.querySelector(".hint").textContent = G.ids[sample];
    var tabs = viewer.querySelector(".tabs");
    tabs.replaceChildren();
    at.cells.forEach(function (each, number) {
      var tab = make("button", "", each.name);
      tab.type = "button";
      tab.addEventListener("click", function () { turn(number); });
      tabs.append(tab);
    });
    var frame = at.cells.find(function (each) { return each.run === undefined && each.picture[0] !== "!"; });
    var known = frame && cards.querySelector('img[src="' + address(frame.picture) + '"]');
    if (known && known.naturalWidth) viewer.style.setProperty("--ratio", known.naturalWidth + " / " + known.naturalHeight);
    turn(index);
    viewer.showModal();
  }
  function turn(index) {
    at.index = (index + at.cells.length) % at.cells.length;
    var each = at.cells[at.index], image = viewer.querySelector("img");
    image.alt = each.name + (each.picture[0] === "!" ? ": " + each.picture.slice(1) : "");
    if (each.picture[0] === "!") image.removeAttribute("src"); else image.src = address(each.picture);
    viewer.querySelector(".values").textContent = each.run === undefined
      ? G.descriptions[at.sample] || ""
      : G.metrics.map(function (metric) {
        return metric.label + " " + shown(metric.values[each.run][at.sample], metric.decimals);
      }).join(" · ");
    viewer.querySelectorAll(".tabs button").forEach(function (tab, number) {
      tab.setAttribute("aria-pressed", String(number === at.index));
    });
  }
  viewer.addEventListener("keydown", function (event) {
    if (event.key === "ArrowRight") turn(at.index + 1);
    else if (event.key === "ArrowLeft") turn(at.index - 1);
    else return;
    event.preventDefault();
  });
  viewer.addEventListener("click", function (event) {
    if (event.target === viewer || event.target.dataset.do === "close") viewer.close();
  });

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
  form.hidden = false;
  methods.hidden = G.runs.length < 2;
  form.addEventListener("change", choose);
  form.elements.words.addEventListener("input", choose);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  methods.addEventListener("change", choose);
  more.addEventListener("click", draw);
  if (window.IntersectionObserver) {
    new IntersectionObserver(function (seen) {
      if (seen[0].isIntersecting && !more.hidden && scrollY > 0) draw();
    }, { rootMargin: "600px" }).observe(more);
  }
  addEventListener("beforeprint", function () {
    document.querySelectorAll("img[loading=lazy]").forEach(function (image) { image.loading = "eager"; });
  });
  choose();
})();
