"use strict";
// Plotly's figures in the page's colours: a colour is named, --accent, and the scheme gives it a value.
const plots = (() => {
  function coloured(value, style) {
    if (Array.isArray(value)) return value;
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) =>
      [key, /color$/.test(key) && /^--[\w-]+$/.test(inner) ? style.getPropertyValue(inner).trim() : coloured(inner, style)]));
  }
  function dressed(layout, style) {
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--line"), linecolor: colour("--null-line"), automargin: true, tickfont: { size: 12 }, ticks: "outside", tickcolor: colour("--line") };
    const out = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", margin: { l: 60, r: 28, t: 44, b: 50 },
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("--ink") },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "top", xanchor: "left", yref: "container" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--accent") },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") }, align: "left" },
      ...layout,
    };
    for (const key of Object.keys(out)) if (/^[xy]axis\d*$/.test(key)) out[key] = { ...axis, ...out[key], title: { font: { size: 13 }, ...out[key].title } };
    return out;
  }
  function react(figure, data, layout, style) {
    return Plotly.react(figure, data, dressed(layout, style), {
      // Named one by one: plotly adds a button that uploads the chart to its cloud.
      responsive: true, displaylogo: false, plotlyServerURL: "", modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    });
  }
  return { coloured, react };
})();
