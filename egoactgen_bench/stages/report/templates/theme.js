(function () {  // Before the first paint, so that a dark page does not flash.
  "use strict";
  var root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)"), chosen = null;
  try { chosen = localStorage.getItem("egoactgen-theme"); } catch (error) { /* storage is disabled */ }
  function isDark() { return chosen ? chosen === "dark" : dark.matches; }
  function apply() {
    root.dataset.theme = isDark() ? "dark" : "light";
    var button = document.getElementById("theme");
    if (button) button.setAttribute("aria-pressed", String(isDark()));
  }
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", function () {
      chosen = isDark() ? "light" : "dark";
      try { localStorage.setItem("egoactgen-theme", chosen); } catch (error) { /* storage is disabled */ }
      apply();
    });
    apply();
  });
})();
