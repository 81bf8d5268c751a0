/** Amounts by day in UTC: up to eight series and the rest as "others", stacked; the same as a table. */
import { config } from "../config.js";
import { currencyText, height, millicentsText, sum } from "../money.js";
import { seriesOf, stacked } from "../series.js";
import { dayText, days as daysOf } from "../time.js";
import { theme } from "../theme.js";
import { useStore } from "../follow.js";
import { html, useEffect, useMemo, useRef, useState } from "../ui.js";
import { Loading } from "./page.js";
import { Amount, Name } from "./values.js";

const HEIGHT = 240;
const NARROWEST = 200;

/**
 * @param {object} props
 * @param {import("../series.js").Point[]} props.points
 * @param {string} props.from           the first day, in UTC
 * @param {string} props.to             the last
 * @param {string} props.label          what is drawn, for screen readers
 * @param {string} [props.none]         the name of what has none
 * @param {boolean} [props.isLoading]   more points are on their way
 */
export function Chart({ points, from, to, label, none = "without a name", isLoading = false }) {
  const days = useMemo(() => daysOf(from, to), [from, to]);
  const all = useMemo(() => seriesOf(points, days), [points, days]);
  const [hovered, setHovered] = useState(/** @type {number | null} */ (null));
  const [isTable, setTable] = useState(false);
  const nameOf = (/** @type {import("../series.js").Series} */ each) => (each.isOthers ? "others" : each.name ?? none);
  return html`<figure class="chart" aria-label=${label} aria-busy=${isLoading ? "true" : "false"}>
    ${isTable ? html`<${AsTable} days=${days} all=${all} nameOf=${nameOf} />` : html`<${Drawn} days=${days} all=${all} hover=${setHovered} />`}
    <figcaption>
      <ul class="legend">
        ${all.map((each, index) => html`<li key=${nameOf(each)}>
          <i class="swatch series-${each.isOthers ? "others" : index + 1}" aria-hidden="true"></i>
          <${Name} of=${nameOf(each)} />
          <span class="tabular dim">${currencyText(hovered === null ? each.total : each.amounts[hovered], config())}</span>
        </li>`)}
      </ul>
      <p class="chart-note">
        <span aria-hidden="true">${hovered === null ? "" : html`${dayText(days[hovered])} (UTC): <b>${currencyText(sum(all.map((each) => each.amounts[hovered])), config())}</b>`}</span>
        <button type="button" class="plain" onClick=${() => setTable(!isTable)}>${isTable ? "As a chart" : "As a table"}</button>
      </p>
    </figcaption>
  </figure>`;
}

/** @param {{days: string[], all: import("../series.js").Series[], hover: (index: number | null) => void}} props */
function Drawn({ days, all, hover }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [uPlot, setLibrary] = useState(/** @type {any} */ (null));
  const shade = useStore(theme);
  useEffect(() => {
    import("uplot").then((module) => setLibrary(() => module.default));
  }, []);
  useEffect(() => {
    const element = place.current;
    if (!uPlot || !element) return undefined;
    const width = () => Math.max(NARROWEST, element.clientWidth);
    const data = [days.map((_, index) => index), ...stacked(all).map((amounts) => amounts.map(height)).reverse()];
    const chart = new uPlot(options(uPlot, element, days, all, width(), hover), data, element);
    const watcher = new ResizeObserver(() => chart.setSize({ width: width(), height: HEIGHT }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      chart.destroy();
    };
  }, [uPlot, days, all, shade]);
  return html`<div class="chart-place" ref=${place} aria-hidden="true">${!uPlot && html`<${Loading} />`}</div>`;
}

/** @param {any} uPlot @param {Element} element @param {string[]} days @param {import("../series.js").Series[]} all @param {number} width @param {(index: number | null) => void} hover */
function options(uPlot, element, days, all, width, hover) {
  const colour = (/** @type {string} */ name) => colourOf(name, element);
  const bars = uPlot.paths.bars({ size: [0.7, 40] });
  const drawn = all.map((each, index) => ({
    fill: colour(each.isOthers ? "--series-others" : `--series-${index + 1}`), width: 0, points: { show: false }, paths: bars,
  }));
  const axis = { stroke: colour("--dim"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  return {
    width, height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: { setCursor: [(/** @type {any} */ chart) => hover(chart.cursor.idx ?? null)] },
    scales: { x: { time: false, range: [-0.6, days.length - 0.4] }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low ?? 0), (high || 1) * 1.05] } },
    axes: [
      { ...axis, grid: { show: false }, values: (/** @type {any} */ _, /** @type {number[]} */ found) => found.map((index) => (Number.isInteger(index) && days[index] ? shortDay(days[index]) : "")) },
      { ...axis, size: 64, grid: { stroke: colour("--line"), width: 1 }, values: (/** @type {any} */ _, /** @type {number[]} */ found) => found.map(compact) },
    ],
    // The tallest first, so that each covers what is above it.
    series: [{}, ...drawn.reverse()],
  };
}

/** What a custom property is at present, in the light or the dark: a canvas has to be told one colour. @param {string} name @param {Element} within */
function colourOf(name, within) {
  const probe = within.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** @param {string} day */
const shortDay = (day) => new Intl.DateTimeFormat(undefined, { timeZone: "UTC", month: "short", day: "numeric" }).format(new Date(`${day}T00:00:00Z`));

/** A mark of an axis, not a figure: a float will do. @param {number} amount */
function compact(amount) {
  const { currency, millicents_per_unit: per } = config();
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency, notation: "compact", maximumSignificantDigits: 3 });
  return format.format(amount / per);
}

/** @param {{days: string[], all: import("../series.js").Series[], nameOf: (each: import("../series.js").Series) => string}} props */
function AsTable({ days, all, nameOf }) {
  return html`<div class="table-around chart-table" tabindex="0"><table class="table">
    <thead><tr><th scope="col">Day (UTC)</th>${all.map((each) => html`<th key=${nameOf(each)} scope="col" class="number"><${Name} of=${nameOf(each)} /></th>`)}<th scope="col" class="number">All</th></tr></thead>
    <tbody>
      ${days.map((day, index) => html`<tr key=${day}><th scope="row">${day}</th>
        ${all.map((each) => html`<td key=${nameOf(each)} class="number" title=${currencyText(each.amounts[index], config())}>${millicentsText(each.amounts[index])}</td>`)}
        <td class="number"><${Amount} of=${sum(all.map((each) => each.amounts[index]))} /></td></tr>`)}
    </tbody>
  </table></div>`;
}
