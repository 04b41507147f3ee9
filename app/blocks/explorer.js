// The finished text: one tab stop, arrow keys from character to character, and below it what
// else the model might have written there. All text is set through textContent.
const shown = new WeakMap();

export default function ({ data, parentElement }) {
  const signature = JSON.stringify(data);
  if (shown.get(parentElement) === signature) return;
  shown.set(parentElement, signature);

  const text = parentElement.querySelector(".lg-text");
  const asked = parentElement.querySelector(".lg-asked");
  text.setAttribute("aria-label", data.label);
  text.replaceChildren();

  const prompt = document.createElement("strong");
  prompt.className = "lg-prompt";
  prompt.textContent = data.prompt;
  text.append(prompt);

  const spans = data.tokens.map((token) => {
    const span = document.createElement("span");
    span.className = "lg-" + token.kind;
    span.textContent = token.text;
    span.tabIndex = -1;
    text.append(span);
    return span;
  });

  function hint() {
    asked.replaceChildren();
    asked.textContent = data.hint;
  }

  function ask(index) {
    const token = data.tokens[index];
    asked.replaceChildren();
    const chosen = document.createElement("span");
    chosen.className = "lg-chosen";
    chosen.textContent = token.shown + " " + token.percent;
    asked.append(chosen);
    for (const [piece, percent, share, same] of token.alternatives) {
      if (same) continue;
      const other = document.createElement("span");
      other.className = "lg-other";
      other.style.setProperty("--share", String(share));
      other.textContent = piece + " " + percent;
      asked.append(other);
    }
    for (const span of spans) span.classList.remove("lg-here");
    spans[index].classList.add("lg-here");
  }

  function focus(index) {
    const place = Math.max(0, Math.min(spans.length - 1, index));
    for (const span of spans) span.tabIndex = -1;
    spans[place].tabIndex = 0;
    spans[place].focus();
  }

  spans.forEach((span, index) => {
    span.addEventListener("pointerenter", () => ask(index));
    span.addEventListener("focus", () => ask(index));
    span.addEventListener("click", () => focus(index));
    span.addEventListener("keydown", (event) => {
      const to = {
        ArrowRight: index + 1,
        ArrowLeft: index - 1,
        Home: 0,
        End: spans.length - 1,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      focus(to);
    });
  });
  if (spans.length) spans[0].tabIndex = 0;
  hint();
}
