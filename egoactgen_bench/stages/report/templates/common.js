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
