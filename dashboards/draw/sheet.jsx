// A dashboard, drawn by the components that Grafana publishes, from answers that were asked for before.
//
// Time series, stats, tables, frames, axes, legends, units and colours are Grafana's own. It publishes no component for state
// timelines and heatmaps: their cells are painted here, on Grafana's plot.
import { FieldType, ThemeContext, createTheme, dateTime, getDisplayProcessor, setTimeZoneResolver } from '@grafana/data';
import { BigValue, GlobalStyles, GraphNG, PanelChrome, TimeSeries, UPlotConfigBuilder, VizLayout, VizLegend, VizRepeater, preparePlotFrame } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { interpolateCividis } from 'd3-scale-chromatic';
import { Component } from 'react';
import { createRoot } from 'react-dom/client';

const { dashboard, answers, start, end, step } = window.given;
const theme = createTheme({ colors: { mode: 'light' } });
setTimeZoneResolver(() => 'utc');
const [from, to] = [dateTime(start * 1000), dateTime(end * 1000)];
const common = { timeRange: { from, to, raw: { from, to } }, timeZone: 'utc', theme };
/** A row of the grid, the gap between panels, and the width of all of it, in pixels. */
const ROW = 30, GAP = 8, WIDE = 1600;
const UNIT = WIDE / 24;

const named = (legend, labels) => (legend ?? '').replace(/{{(\w+)}}/g, (_, label) => labels[label] ?? '');

/** The settings of one field: the panel's defaults, then what is overridden for its name. */
function configured(panel, name) {
  const { defaults, overrides } = panel.fieldConfig;
  const config = structuredClone({ custom: {}, color: { mode: 'palette-classic' }, ...defaults });
  for (const { id, value } of overrides.filter(({ matcher }) => matcher.options === name).flatMap(({ properties }) => properties)) {
    if (id.startsWith('custom.')) config.custom[id.slice('custom.'.length)] = value;
    else config[id] = value;
  }
  return config;
}

const displayed = (field) => Object.assign(field, { display: getDisplayProcessor({ field, ...common }) });

/** What Grafana gives every field of a graph. */
const GRAPH = {
  drawStyle: 'line', lineInterpolation: 'linear', axisPlacement: 'auto', axisColorMode: 'text', barAlignment: 0, pointSize: 5,
  gradientMode: 'none', scaleDistribution: { type: 'linear' }, hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: 'off' }, stacking: { mode: 'none', group: 'A' },
};

function overTime(panel) {
  const series = panel.targets.flatMap(({ refId, legendFormat }, which) =>
    answers[panel.id][which].map(({ metric, values }) => ({ refId, metric, values, name: named(legendFormat, metric) })));
  return series.map(({ refId, metric, values, name }, seriesIndex) => {
    const config = { ...configured(panel, name), displayNameFromDS: name };
    config.custom = { ...GRAPH, ...config.custom };
    return {
      refId, length: values.length,
      fields: [
        displayed({ name: 'Time', type: FieldType.time, config: {}, values: values.map(([time]) => time * 1000) }),
        displayed({ name: 'Value', type: FieldType.number, labels: metric, config, values: values.map(([, value]) => Number(value)), state: { seriesIndex, displayName: name } }),
      ],
    };
  });
}

/** Joined on time. The names are put back, which colours go by. */
function joined(frames, fields) {
  const frame = preparePlotFrame(frames, fields);
  for (const field of frame?.fields ?? []) {
    if (field.config.displayNameFromDS) field.state = { ...field.state, displayName: field.config.displayNameFromDS };
  }
  return frame;
}

function rows(panel) {
  const { excludeByName: left = {}, renameByName: renamed = {} } = panel.transformations[0].options;
  const answer = answers[panel.id][0];
  const labels = [...new Set(answer.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const columns = [
    ...labels.map((name) => ({ name, type: FieldType.string, values: answer.map(({ metric }) => metric[name] ?? '') })),
    { name: 'Value', type: FieldType.number, values: answer.map(({ value }) => Number(value[1])) },
  ].filter(({ name }) => !left[name]);
  const fields = columns.map((field) => {
    const name = renamed[field.name] ?? field.name;
    return displayed({ ...field, name, config: { ...configured(panel, name), displayName: name } });
  });
  return { length: answer.length, fields };
}

/** A plot with a row for each series, whose cells somebody else paints. */
function Rows({ frames, names, paint, legend, ...size }) {
  const prepConfig = () => {
    const builder = new UPlotConfigBuilder('utc');
    builder.addScale({ scaleKey: 'x', isTime: true, orientation: 0, direction: 1, range: () => [start * 1000, end * 1000] });
    builder.addScale({ scaleKey: 'y', orientation: 1, direction: 1, range: () => [0, names.length] });
    builder.addAxis({ scaleKey: 'x', isTime: true, placement: 'bottom', grid: { show: false }, ...common });
    const splits = names.map((_, row) => names.length - row - 0.5);
    builder.addAxis({ scaleKey: 'y', placement: 'left', grid: { show: false }, ticks: { show: false }, splits: () => splits, values: () => names, ...common });
    for (const _ of frames) builder.addSeries({ scaleKey: 'y', pathBuilder: () => null, pointsBuilder: () => null, showPoints: 'never', drawStyle: 'line', theme });
    builder.setPrepData(([aligned]) => aligned.fields.map(({ values }) => values));
    builder.addHook('draw', ({ ctx, valToPos }) => {
      ctx.save();
      frames.forEach(({ fields: [{ values: times }, field] }, row) => {
        const top = valToPos(names.length - row, 'y', true);
        const height = valToPos(names.length - row - 1, 'y', true) - top;
        // A run of equal values is one cell; a missing value ends it.
        for (let first = 0, next; first < times.length; first = next) {
          for (next = first + 1; next < times.length && field.values[next] === field.values[first] && times[next] - times[next - 1] < 1500 * step;) next++;
          const left = valToPos(times[first], 'x', true);
          const right = valToPos(Math.min(times[next - 1] + 1000 * step, end * 1000), 'x', true);
          paint(ctx, field, field.values[first], { left, top, width: right - left, height });
        }
      });
      ctx.restore();
    });
    return builder;
  };
  return <GraphNG {...common} {...size} frames={frames} preparePlotFrame={joined} prepConfig={prepConfig} legend={{ showLegend: true }} renderLegend={() => legend} />;
}

function States({ panel, ...size }) {
  const frames = overTime(panel);
  const words = new Map(frames.flatMap(({ fields: [, field] }) => field.values.map((value) => field.display(value))).map(({ text, color }) => [text, color]));
  const items = [...words].map(([label, color]) => ({ label, color, yAxis: 1 }));
  const paint = (ctx, field, value, { left, top, width, height }) => {
    const { text, color } = field.display(value);
    ctx.globalAlpha = panel.fieldConfig.defaults.custom.fillOpacity / 100;
    ctx.fillStyle = color;
    const tall = height * panel.options.rowHeight;
    ctx.fillRect(left, top + (height - tall) / 2, width, tall);
    ctx.globalAlpha = 1;
    ctx.font = `12px ${theme.typography.fontFamily}`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillStyle = theme.colors.getContrastText(color, 4.5);
    if (ctx.measureText(text).width + 8 < width && tall > 10) ctx.fillText(text, left + 4, top + height / 2);
  };
  const legend = <VizLayout.Legend placement="bottom"><VizLegend placement="bottom" displayMode="list" items={items} /></VizLayout.Legend>;
  return <Rows frames={frames} names={frames.map(({ fields: [, field] }) => field.config.displayNameFromDS)} paint={paint} legend={legend} {...size} />;
}

/** Buckets hold what those below them hold: each row is what its bucket adds. */
function Heat({ panel, ...size }) {
  const frames = overTime(panel).sort((a, b) => bound(a) - bound(b));
  let below = new Map();
  for (const { fields: [{ values: times }, field] } of frames) {
    const counts = new Map(times.map((time, place) => [time, field.values[place]]));
    field.values = times.map((time, place) => Math.max(0, field.values[place] - (below.get(time) ?? 0)));
    below = counts;
  }
  const most = Math.max(...frames.flatMap(({ fields: [, field] }) => field.values));
  const paint = (ctx, _, value, { left, top, width, height }) => {
    if (!(value > 0)) return;
    ctx.fillStyle = interpolateCividis((value / most) ** panel.options.color.exponent);
    ctx.fillRect(left, top + 0.5, Math.max(1, width - 1), height - 1);
  };
  frames.reverse();
  return <Rows frames={frames} names={frames.map((frame) => (bound(frame) === Infinity ? '∞' : `${bound(frame)} s`))} paint={paint} legend={null} {...size} />;
}

const bound = ({ fields: [, { labels }] }) => (labels.le === '+Inf' ? Infinity : Number(labels.le));

function Stat({ panel, ...size }) {
  const values = answers[panel.id].flatMap((answer, which) => answer.map(({ metric, value }) => {
    const field = displayed({ name: named(panel.targets[which].legendFormat, metric), type: FieldType.number, config: configured(panel, ''), values: [] });
    return { ...field.display(Number(value[1])), title: answer.length > 1 ? field.name : undefined };
  }));
  const one = ({ value, width, height, count }) => <BigValue {...panel.options} {...{ value, width, height, count, theme }} />;
  return <VizRepeater orientation="auto" getValues={() => values} source={values} renderCounter={1} itemSpacing={3} renderValue={one} {...size} />;
}

function Content({ panel, ...size }) {
  if (answers[panel.id].every((answer) => answer.length === 0)) return <p>No data</p>;
  switch (panel.type) {
    case 'timeseries': return <TimeSeries {...common} {...size} frames={overTime(panel)} preparePlotFrame={joined} legend={panel.options.legend} options={panel.options} />;
    case 'state-timeline': return <States panel={panel} {...size} />;
    case 'heatmap': return <Heat panel={panel} {...size} />;
    case 'stat': return <Stat panel={panel} {...size} />;
    case 'table': return <TableNG data={rows(panel)} {...panel.options} {...size} />;
    default: throw new Error(`no panel here is a ${panel.type}`);
  }
}

/** A panel that cannot be drawn says why, and does not take the others with it. */
class Guarded extends Component {
  state = {};

  static getDerivedStateFromError(error) { return { error }; }

  componentDidCatch(error) { window.failures.push(`${this.props.title}: ${error.stack}`); }

  render() { return this.state.error ? String(this.state.error) : this.props.children; }
}

function Placed({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const place = { position: 'absolute', left: x * UNIT, top: y * (ROW + GAP), width: w * UNIT - GAP, height: h * (ROW + GAP) - GAP };
  return <div style={place}>
    {panel.type === 'row' ? <h4>{panel.title}</h4> : <PanelChrome title={panel.title} width={place.width} height={place.height}>
      {(width, height) => <Guarded title={panel.title}><Content {...{ panel, width, height }} /></Guarded>}
    </PanelChrome>}
  </div>;
}

const height = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h)) * (ROW + GAP);
createRoot(document.getElementById('sheet')).render(<ThemeContext.Provider value={theme}>
  <GlobalStyles />
  <div style={{ position: 'relative', width: WIDE, height, background: theme.colors.background.canvas }}>
    {dashboard.panels.map((panel) => <Placed key={panel.id} panel={panel} />)}
  </div>
</ThemeContext.Provider>);
