/**
 * Runs in the reader's browser: draws each chart, wide or narrow, without the series that the reader has switched off, and shows the data of
 * the mark under the pointer. `specs` has the charts' Vega specs by name.
 */
export const SCRIPT = `
const narrow = window.matchMedia('(max-width: 600px)');
const tooltip = document.getElementById('tooltip');
function showTooltip(handler, event, item, value) {
  if (value === null || value === undefined || value === '') { tooltip.hidden = true; return; }
  tooltip.replaceChildren(...(typeof value === 'object' ? Object.entries(value) : [['', String(value)]]).map(([key, text]) => {
    const line = document.createElement('div');
    line.textContent = key === '' ? text : key + ': ' + text;
    return line;
  }));
  tooltip.hidden = false;
  tooltip.style.left = Math.min(event.clientX + 14, window.innerWidth - tooltip.offsetWidth - 8) + 'px';
  tooltip.style.top = Math.min(event.clientY + 14, window.innerHeight - tooltip.offsetHeight - 8) + 'px';
}
const shown = (spec, hidden) => ({
  ...spec,
  data: spec.data.map((one) => (Array.isArray(one.values) ? { ...one, values: one.values.filter(({ series }) => !hidden.has(series)) } : one)),
});
function draw(name) {
  const element = document.getElementById('chart-' + name);
  if (element === null) return;
  const hidden = new Set([...document.querySelectorAll('[data-chart="' + name + '"]:not(:checked)')].map(({ value }) => value));
  element.replaceChildren();
  const spec = shown(specs[name][narrow.matches ? 'narrow' : 'wide'], hidden);
  new vega.View(vega.parse(spec), { renderer: 'svg', container: element, hover: true, tooltip: showTooltip }).runAsync();
}
const drawAll = () => Object.keys(specs).forEach(draw);
document.addEventListener('change', ({ target }) => { if (target.dataset.chart !== undefined) draw(target.dataset.chart); });
narrow.addEventListener('change', drawAll);
document.fonts.ready.then(() => Promise.all([document.fonts.load('12px Inter'), document.fonts.load('600 12px Inter')])).finally(drawAll);
`;
