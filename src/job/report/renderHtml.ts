import { escapeHtml } from './escapeHtml';
import {
  countOf,
  formatBits,
  formatBytes,
  formatDecibel,
  formatLoss,
  formatMetric,
  formatMilliseconds,
  formatSeconds,
  groupDigits,
  metricName,
} from './formatNumbers';
import { operatorsTexts } from './operatorsText';
import { bitClass, bitSkyline, frontierPicture } from './pictures';
import type { Report, ReportLayer } from './reportSchema';
import { reportStrip } from './reportStrip';
import { proofText } from './proofText';

/**
 * The report as one page: no scripts, no other files, light and dark. Every text is escaped, since names come from model
 * files; the policy in the head forbids scripts and loading besides.
 */
export function renderHtml(report: Report): string {
  const { loss, solver, limits, accuracy, latency } = report;
  const strip = reportStrip(report)
    .map(
      ({ label, value, note }) =>
        `<div><dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)} <small>${escapeHtml(note)}</small></dd></div>`,
    )
    .join('');
  const skyline = bitSkyline(report);
  const frontier = frontierPicture(report);
  const sections = [
    limits.messages.map((m) => `<p class="limit">▲ Outside its limit: ${escapeHtml(m)}</p>`).join(''),
    frontier === ''
      ? ''
      : `<h2>Size and loss</h2>${frontier}<p class="quiet">Loss added (${escapeHtml(loss.unit)}) against nominal size. Line: predicted. ● measured. □ uniform width.</p>`,
    skyline === ''
      ? ''
      : `<h2>Bit widths</h2>${skyline}<p class="quiet">width = parameters, height = bits, so the area is the size. ○ pinned.</p>`,
    accuracy === undefined ? '' : accuracyTable(accuracy),
    latency === undefined ? '' : latencyTable(latency),
    `<h2>Layers</h2>${layerTable(report.layers)}`,
    report.refused.length === 0
      ? ''
      : `<h2>Left as they are</h2><ul>${report.refused
          .map(({ layer, reason }) => `<li><code>${escapeHtml(layer)}</code> ${escapeHtml(reason)}</li>`)
          .join('')}</ul>`,
    ...operatorsTexts(report).map((sentence) => `<p class="quiet">${escapeHtml(sentence)}</p>`),
    report.stages.length === 0 ? '' : stageTable(report.stages),
    howMeasured(report),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(report.model.file)}, compressed</title>
<style>${styles}</style>
</head>
<body>
<h1>${escapeHtml(report.model.file)} <small>recipe ${escapeHtml(report.recipe)} · ${escapeHtml(solver.engine)}, ${escapeHtml(proofText(solver, report.policies))}</small></h1>
<dl class="strip">${strip}</dl>
${sections.filter((section) => section !== '').join('\n')}
</body>
</html>
`;
}

function layerTable(layers: readonly ReportLayer[]): string {
  const rows = layers.map((layer) => {
    const why = [layer.reason ?? '', ...layer.notes].filter((note) => note !== '').join('; ');
    return `<tr><td title="${escapeHtml(layer.name)}">${escapeHtml(layer.shortName)}</td><td class="n">${groupDigits(layer.parameters)}</td><td>${chip(layer.weightBits)}</td><td>${chip(layer.activationBits)}</td><td>${escapeHtml(layer.container)}</td><td class="n">${formatBytes(layer.sizeBits / 8)}</td><td class="n">${formatLoss(layer.predictedLoss)}</td><td class="n">${decibel(layer.weightSqnr)}</td><td class="n">${decibel(layer.outputSqnr)}</td><td class="quiet why">${escapeHtml(why)}</td></tr>`;
  });
  return `<div class="wide"><table><thead><tr><th>Layer</th><th class="n">Parameters</th><th>W</th><th>A</th><th>Stored as</th><th class="n">Size</th><th class="n">Loss, predicted</th><th class="n">SQNR, weights</th><th class="n">output</th><th>Why</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function chip(bits: number): string {
  const kind = bitClass(bits);
  return `<span class="chip c${kind}">${formatBits(bits)}</span>`;
}

function decibel(value: number | undefined): string {
  return value === undefined ? '–' : formatDecibel(value);
}

function accuracyTable({ metric, float, simulated, deployed, samples }: NonNullable<Report['accuracy']>): string {
  const value = (v: number): string => formatMetric(metric, v);
  const rows: [string, string][] = [
    ...(metric === 'mse' ? [] : ([['float', value(float)]] as [string, string][])),
    ['quantised, simulated in float', value(simulated)],
    ['quantised, as ONNX Runtime runs it', deployed === undefined ? 'it cannot' : value(deployed)],
  ];
  return `<h2>${metricName(metric)}, ${samples} samples</h2><table class="narrow"><tbody>${rows
    .map(([name, v]) => `<tr><td>${name}</td><td class="n">${v}</td></tr>`)
    .join('')}</tbody></table>`;
}

function latencyTable({ floatMs, compressedMs, runs }: NonNullable<Report['latency']>): string {
  return `<h2>One sample, median of ${runs} runs</h2><table class="narrow"><tbody><tr><td>float</td><td class="n">${formatMilliseconds(floatMs)}</td></tr><tr><td>quantised, as ONNX Runtime runs it</td><td class="n">${formatMilliseconds(compressedMs)}</td></tr></tbody></table>`;
}

function stageTable(stages: Report['stages']): string {
  const rows = stages.map(
    (stage) =>
      `<tr><td>${escapeHtml(stage.name)}</td><td class="n">${stage.seconds === undefined ? '–' : formatSeconds(stage.seconds)}</td><td>${escapeHtml(stage.before ?? '')}</td><td>${escapeHtml(stage.after ?? '')}</td></tr>`,
  );
  return `<h2>Stages</h2><div class="wide"><table><thead><tr><th>Stage</th><th class="n">Time</th><th>Before</th><th>After</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function howMeasured(report: Report): string {
  const { machine } = report;
  const facts = [
    `${report.engine}, Lathe ${report.lathe}, seed ${report.seed}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform} ${machine.arch}, Node ${machine.node}`,
    `${report.createdAt}, ${formatSeconds(report.seconds)}${report.resumedSteps > 0 ? `, ${countOf(report.resumedSteps, 'step')} taken over from an earlier run` : ''}`,
    `model ${report.model.sha256}`,
    `written to ${report.compressed.file}`,
  ];
  return `<h2>How it was measured</h2><ul class="quiet">${facts.map((fact) => `<li>${escapeHtml(fact)}</li>`).join('')}</ul>`;
}

const styles = `
:root { color-scheme: light dark; --fg: #1f1f1f; --quiet: #616161; --bg: #fff; --rule: #e5e5e5; --accent: #005fb8; --measured: #9a6700; --warn: #8a5a00;
  --b2: #c6e2f7; --b3: #84bce3; --b4: #4a92c9; --b5: #3078ad; --b6: #1f5c8f; --b7: #154b78; --b8: #0d3b63; --b32: #767676;
  --on2: #10253a; --on3: #10253a; --on4: #fff; --on5: #fff; --on6: #fff; --on7: #fff; --on8: #fff; --on32: #fff; }
@media (prefers-color-scheme: dark) { :root { --fg: #ccc; --quiet: #9d9d9d; --bg: #1f1f1f; --rule: #353535; --accent: #4daafc; --measured: #d7ba7d; --warn: #d7ba7d;
  --b2: #c5e4ff; --b3: #83c3f0; --b4: #4e9cd6; --b5: #3f86bd; --b6: #34719f; --b7: #2d6189; --b8: #285478; --b32: #6e6e6e; --on4: #0f1d2a; } }
body { font: 13px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; color: var(--fg); background: var(--bg); max-width: 1100px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 16px; margin: 0 0 12px; overflow-wrap: anywhere; } h1 small, .quiet, dt, dd small, th { color: var(--quiet); font-weight: normal; }
h2 { font-size: 11px; letter-spacing: .05em; text-transform: uppercase; margin: 28px 0 8px; }
.strip { display: flex; flex-wrap: wrap; border: 1px solid var(--rule); border-radius: 3px; margin: 0; }
.strip > div { flex: 1 1 150px; padding: 8px 14px; border-right: 1px solid var(--rule); } .strip > div:last-child { border-right: 0; }
dt { font-size: 11px; } dd { margin: 0; font-size: 17px; white-space: nowrap; } small { font-size: 12px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } table.narrow { width: auto; }
th, td { text-align: left; padding: 3px 8px; white-space: nowrap; } thead th { border-bottom: 1px solid var(--rule); } .n { text-align: right; }
td.why { max-width: 320px; overflow: hidden; text-overflow: ellipsis; }
.limit { color: var(--warn); } ul { padding-left: 18px; overflow-wrap: anywhere; }
.chip { display: inline-block; min-width: 14px; padding: 0 4px; border-radius: 2px; text-align: center; font-size: 12px; }
svg { width: 100%; height: auto; display: block; font: 11px system-ui, sans-serif; }
svg text { fill: var(--quiet); } svg .note { fill: var(--fg); } .grid { stroke: var(--rule); } .base { stroke: var(--quiet); }
.line { fill: none; stroke: var(--accent); stroke-width: 1.8; } .here { stroke: var(--accent); stroke-dasharray: 3 3; } .predicted { fill: none; stroke: var(--accent); stroke-width: 1.8; }
.measured { fill: var(--measured); } .mark { fill: var(--bg); stroke: var(--quiet); } .pin { fill: none; stroke: var(--fg); }
${[2, 3, 4, 5, 6, 7, 8, 32].map((b) => `.b${b} { fill: var(--b${b}); } svg .on${b} { fill: var(--on${b}); } .c${b} { background: var(--b${b}); color: var(--on${b}); }`).join('\n')}
@media print { body { max-width: none; margin: 0; } .chip, rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
