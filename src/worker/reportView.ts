import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readReport, reportPathsOf } from '../job/report/reportFile';
import type { FrontierView, ReportView } from '../protocol/job';
import type { WorkerRequests } from '../protocol/workerProtocol';

/** The last report beside a recipe, and which of its files there are. Throws `report/*` for a damaged one. */
export function readReportView(recipePath: string): WorkerRequests['report/read']['result'] {
  const paths = reportPathsOf(recipePath);
  const files = {
    ...(existsSync(paths.json) ? { json: paths.json } : {}),
    ...(existsSync(paths.markdown) ? { markdown: paths.markdown } : {}),
    ...(existsSync(paths.html) ? { html: paths.html } : {}),
  };
  if (files.json === undefined) {
    return { files };
  }
  const report = readReport(files.json);
  const { size, accuracy } = report;
  const view: ReportView = {
    size: {
      nominal: size.nominal,
      packedBytes: size.packedBytes,
      fileBytes: size.fileBytes,
      floatFileBytes: size.floatFileBytes,
    },
    accuracy,
    predictedLoss: report.loss.predicted,
    measuredLoss: report.loss.measured,
    lossUnit: report.loss.unit,
    modelPath: resolve(dirname(recipePath), report.compressed.file),
    layers: report.layers.map(({ name, weightBits, activationBits, outputSqnr, predictedLoss }) => ({
      name,
      weightBits,
      activationBits,
      outputSqnr,
      predictedLoss,
    })),
    ...(report.steps === undefined ? {} : { steps: report.steps }),
    ...(report.policies === undefined ? {} : { policies: report.policies }),
  };
  return { view, files };
}

/** Networks that were really built and run, for the frontier. */
export function measuredPoints(recipePath: string): FrontierView['measured'] {
  const { view } = readReportView(recipePath);
  return view?.measuredLoss === undefined
    ? []
    : [{ size: view.size.nominal, loss: view.measuredLoss, label: 'last run' }];
}
