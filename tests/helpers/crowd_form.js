// What a page can tell of Amazon's crowd-html-elements.js: crowd-form wraps its content in a form,
// crowd-button submits it, and the answers leave as JSON with an object of booleans for each radio group.
customElements.define("crowd-form", class extends HTMLElement {
  connectedCallback() {
    addEventListener("DOMContentLoaded", () => {
      const form = document.createElement("form");
      form.append(...this.childNodes);
      this.append(form);
    });
  }
  submit() {
    if (!this.dispatchEvent(new Event("submit", { cancelable: true, bubbles: true }))) return;
    const answers = {};
    for (const field of this.querySelectorAll("input, textarea")) {
      if (field.type === "radio") (answers[field.name] ??= {})[field.value] = field.checked;
      else answers[field.name] = field.value;
    }
    window.taskAnswers = JSON.stringify([answers]);
  }
});
customElements.define("crowd-button", class extends HTMLElement {
  connectedCallback() {
    this.tabIndex = 0;
    this.role = "button";
    this.onclick = () => this.closest("crowd-form").submit();
    this.onkeydown = event => { if (event.key === "Enter") this.click(); };
  }
});
