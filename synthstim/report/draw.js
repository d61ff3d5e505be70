"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    for (const figure of document.querySelectorAll(".figure")) {
      const spec = specs[figure.dataset.figure];
      plots.react(figure, spec.data.map((trace) => plots.coloured(trace, style)), spec.layout, style);
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
