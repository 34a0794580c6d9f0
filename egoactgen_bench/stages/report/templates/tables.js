  // Tables: sorting, and choosing the metrics that are shown.
  function amount(text) {  // the number at the start of a cell; NaN without one
    return parseFloat(text.trim().replace(/^\[/, "").replace("−", "-").replace("∞", "Infinity").replace(/,/g, ""));
  }
  function compared(first, second) {  // cells in ascending order; those without a number are last
    var a = amount(first), b = amount(second);
    if (Number.isNaN(a) && Number.isNaN(b)) return first.localeCompare(second, "en", { numeric: true });
    return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : a === b ? 0 : a < b ? -1 : 1;
  }
  function sortable(table) {
    var heads = Array.from(table.tHead.rows[0].cells), body = table.tBodies[0], rows = Array.from(body.rows);
    function sort(column) {
      var head = heads[column], first = column === 0 || head.dataset.best === "low" ? "ascending" : "descending";
      var before = head.getAttribute("aria-sort"), second = first === "ascending" ? "descending" : "ascending";
      var next = before === null ? first : before === first ? second : null;  // the third click restores the order
      heads.forEach(function (each) { each.removeAttribute("aria-sort"); });
      if (next) head.setAttribute("aria-sort", next);
      var sorted = rows.slice();
      if (next) sorted.sort(function (a, b) {
        var last = a.classList.contains("published") - b.classList.contains("published");
        if (last) return last;
        var x = a.cells[column].textContent, y = b.cells[column].textContent, found = compared(x, y);
        var known = column === 0 || !(Number.isNaN(amount(x)) || Number.isNaN(amount(y)));
        return next === "descending" && known ? -found : found;
      });
      body.append.apply(body, sorted);
    }
    heads.forEach(function (head, column) {
      var button = make("button", "sort");
      button.type = "button";
      button.append.apply(button, Array.from(head.childNodes));
      button.addEventListener("click", function () { sort(column); });
      head.append(button);
    });
  }
  function choosable(table) {
    var heads = Array.from(table.tHead.rows[0].cells).slice(2), details = make("details", "columns");
    if (heads.length < 3) return;
    var summary = make("summary", "", "Metrics "), count = make("span", "count"), boxes = make("div", "methods");
    function draw() {
      heads.forEach(function (head, index) {
        var off = !inputs[index].checked;
        Array.from(table.rows).forEach(function (row) { row.cells[index + 2].hidden = off; });
      });
      count.textContent = inputs.filter(function (box) { return box.checked; }).length + " of " + heads.length + " shown";
    }
    function button(text, wanted) {
      var found = make("button", "link", text);
      found.type = "button";
      found.addEventListener("click", function () {
        inputs.forEach(function (box, index) { box.checked = wanted(heads[index]); });
        draw();
      });
      boxes.append(found);
    }
    function initial(head) { return !("off" in head.dataset); }
    var inputs = heads.map(function (head) {
      var label = make("label"), box = make("input");
      box.type = "checkbox";
      box.checked = initial(head);
      label.append(box, head.dataset.label + (head.classList.contains("primary") ? " ★" : ""));
      boxes.append(label);
      return box;
    });
    // Primary metrics come first in the list; in the table every metric keeps its place.
    inputs.forEach(function (box, index) {
      if (!heads[index].classList.contains("primary")) boxes.append(box.parentNode);
    });
    button("all", function () { return true; });
    button("default", initial);
    boxes.addEventListener("change", draw);
    summary.append(count);
    details.append(summary, boxes);
    table.closest(".on-screen").prepend(details);
    draw();
  }
  document.querySelectorAll("table[data-choose]").forEach(choosable);
  document.querySelectorAll(".on-screen .results, #people .results").forEach(sortable);
