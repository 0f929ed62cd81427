// Charts of delivery statistics: each canvas says which, the data stands in the page as JSON. Chart.js is the theme's.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("statistics-data").textContent);
  const colours = {
    delivered: "#16a34a", failed: "#f59e0b", dead: "#dc2626", expired: "#6b7280",
    p50: "#2563eb", p95: "#9333ea", p99: "#db2777", now: "#2563eb", before: "#9ca3af",
  };
  const words = {
    failed: "failed, another endpoint took over", dead: "failed, nobody took over", now: "this span", before: "the span before",
  };

  const set = (name, values, more = {}) => ({
    label: words[name] || name,
    data: values,
    borderColor: colours[name],
    backgroundColor: colours[name],
    borderWidth: 2,
    pointRadius: 2,
    ...more,
  });
  const sets = (named, more) => Object.entries(named).map(([name, values]) => set(name, values, more));

  const options = (y = {}, more = {}) => ({
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    interaction: { mode: "index", intersect: false },
    scales: {
      x: { stacked: Boolean(y.stacked), ticks: { color: "#6b7280", maxRotation: 0, autoSkipPadding: 12 }, grid: { display: false } },
      y: { beginAtZero: true, ...y, ticks: { color: "#6b7280", precision: y.precision }, grid: { color: "#9ca3af33" } },
    },
    plugins: { legend: { display: true, labels: { color: "#6b7280", boxWidth: 12 } } },
    ...more,
  });
  const title = (text) => ({ title: { display: true, text, color: "#6b7280" } });
  const alone = { plugins: { legend: { display: false } } };

  const charts = {
    outcomes: () => ({
      type: "bar",
      data: { labels: data.labels, datasets: sets(data.outcomes, { borderWidth: 0 }) },
      options: options({ stacked: true, precision: 0 }),
    }),
    success: () => ({
      type: "line",
      data: { labels: data.labels, datasets: [set("delivered", data.success)] },
      options: options({ beginAtZero: false, max: 100, ...title("%") }, alone),
    }),
    latency: () => ({
      type: "line",
      data: { labels: data.labels, datasets: sets(data.latency) },
      options: options(title("seconds")),
    }),
    tries: () => ({
      type: "line",
      data: { labels: data.labels, datasets: [set("now", data.tries)] },
      options: options({ suggestedMax: 2 }, alone),
    }),
    troubles: () => ({
      type: "bar",
      data: {
        labels: data.troubles.labels.map((label) => label.replace("_", " ")),
        datasets: [set("now", data.troubles.now, { borderWidth: 0 }), set("before", data.troubles.before, { borderWidth: 0 })],
      },
      options: options({ precision: 0 }),
    }),
  };

  for (const canvas of document.querySelectorAll("canvas[data-statistics]")) {
    new Chart(canvas, charts[canvas.dataset.statistics]());
  }
})();
