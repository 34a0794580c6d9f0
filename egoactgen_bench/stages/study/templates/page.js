// The keys shown on the answers choose them, wherever the focus is, except while a comment is typed.
document.addEventListener("keydown", function (event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest && event.target.closest("textarea, input[type=text]")) return;
  if (!/^[a-i1-9]$/i.test(event.key)) return;
  var task = document.querySelector(".task.current") || document;
  var input = task.querySelector('input[data-key~="' + event.key.toLowerCase() + '"]');
  if (!input) return;
  input.checked = true;
  input.focus();
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

// Instructions that a rater closed stay closed in the next task.
(function () {
  var instructions = document.querySelector(".instructions");
  try { instructions.open = localStorage.getItem("instructions") !== "closed"; } catch (error) { return; }
  instructions.addEventListener("toggle", function () {
    localStorage.setItem("instructions", instructions.open ? "open" : "closed");
  });
})();
