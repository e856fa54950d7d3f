import type { LayerSummary } from '../../src/protocol/model';
import type { EditorModel } from '../editor/editorModel';
import { bitsText, compact, decibel, layerLoss, share } from '../text/numbers';

/** What boxes are coloured by. */
export interface Measure {
  readonly id: string;
  readonly label: string;
  /** One sentence for the legend: what more of it means. */
  readonly meaning: string;
  readonly ramp: 'kind' | 'bits' | 'steps';
  readonly isLogarithmic: boolean;
  /** Of one layer, or together of all layers of a block. */
  value(layers: readonly LayerSummary[]): number | undefined;
  text(value: number): string;
  /** Why there are no figures, where there are none. */
  readonly missing: string;
}

export const KIND = 'kind';

/** All measures, those without figures included. */
export function graphMeasures(model: EditorModel): readonly Measure[] {
  const { state } = model;
  const none = (slot: { readonly status: string; readonly reason?: string } | undefined, fallback: string) =>
    slot?.status === 'none' && slot.reason !== undefined ? slot.reason : fallback;
  const widths = [...new Set(candidates(model).map((candidate) => candidate.weightBits))].sort((a, b) => a - b);
  // The narrowest width tells layers apart best.
  const narrowest = widths[0];
  const report = state?.report.status === 'ready' ? state.report.value : undefined;
  const outputError = new Map(report?.layers.map((layer) => [layer.name, layer.outputSqnr]));
  const unmeasured = none(state?.measurements, 'Not measured yet: run Analyze');
  return [
    {
      id: KIND,
      label: 'Operator kind',
      meaning: '',
      ramp: 'kind',
      isLogarithmic: false,
      value: () => undefined,
      text: String,
      missing: '',
    },
    {
      id: 'bits',
      label: 'Weight bits',
      meaning: 'bits of the weights; mean of a block',
      ramp: 'bits',
      isLogarithmic: false,
      value: (layers) => mean(layers, (layer) => model.allocated(layer.name)?.weightBits),
      text: (value) => (Number.isInteger(value) ? bitsText(value) : value.toFixed(1)),
      missing: none(state?.allocation, unmeasured),
    },
    {
      id: 'sensitivity',
      label: narrowest === undefined ? 'Sensitivity' : `Sensitivity at ${narrowest} bit`,
      meaning: `loss in ${model.lossUnit} the network gains with this layer alone at ${narrowest ?? 'few'} bit`,
      ramp: 'steps',
      isLogarithmic: true,
      value: (layers) => sum(layers, (layer) => sensitivity(model, layer, narrowest)),
      text: layerLoss,
      missing: unmeasured,
    },
    {
      id: 'predicted',
      label: 'Predicted loss',
      meaning: `loss in ${model.lossUnit} predicted for the present allocation`,
      ramp: 'steps',
      isLogarithmic: true,
      value: (layers) => sum(layers, (layer) => model.allocated(layer.name)?.predictedLoss),
      text: layerLoss,
      missing: none(state?.allocation, unmeasured),
    },
    {
      id: 'error',
      label: 'Output SQNR',
      meaning: 'signal to noise at the output in the last run, measured; the worst of a block',
      ramp: 'steps',
      isLogarithmic: false,
      value: (layers) => {
        const known = values(layers, (layer) => outputError.get(layer.name) ?? undefined);
        return known.length === 0 ? undefined : Math.min(...known.map(({ value }) => value));
      },
      text: decibel,
      missing: none(state?.report, 'Not run yet: run Optimize'),
    },
    {
      id: 'zeros',
      label: 'Zeros',
      meaning: 'share of weights that are exactly zero',
      ramp: 'steps',
      isLogarithmic: false,
      value: (layers) => mean(layers, (layer) => model.statistics(layer.name)?.zeros),
      text: share,
      missing: 'Weights are being read',
    },
    {
      id: 'parameters',
      label: 'Parameters',
      meaning: 'weights',
      ramp: 'steps',
      isLogarithmic: true,
      value: (layers) => sum(layers, (layer) => layer.parameters),
      text: compact,
      missing: 'No layer holds weights',
    },
    {
      id: 'macs',
      label: 'MACs',
      meaning: 'multiply-accumulates for one sample',
      ramp: 'steps',
      isLogarithmic: true,
      value: (layers) => sum(layers, (layer) => layer.macs),
      text: compact,
      missing: 'Shapes are unknown',
    },
  ];
}

function candidates(model: EditorModel) {
  const slot = model.state?.measurements;
  return slot?.status === 'ready' ? (slot.value.layers[0]?.candidates ?? []) : [];
}

/** With the widest activations measured, which say most about the weights. */
function sensitivity(model: EditorModel, layer: LayerSummary, bits: number | undefined): number | undefined {
  const at = (model.measurement(layer.name)?.candidates ?? []).filter((candidate) => candidate.weightBits === bits);
  const widest = at.reduce((most, candidate) => Math.max(most, candidate.activationBits), 0);
  const found = at.find((candidate) => candidate.activationBits === widest)?.loss;
  // Measured losses fall below zero by noise; the sum of a block is not to be made smaller by it.
  return found === undefined ? undefined : Math.max(0, found);
}

function values(
  layers: readonly LayerSummary[],
  value: (layer: LayerSummary) => number | undefined,
): { readonly layer: LayerSummary; readonly value: number }[] {
  return layers.flatMap((layer) => {
    const found = value(layer);
    return found === undefined || !Number.isFinite(found) ? [] : [{ layer, value: found }];
  });
}

function sum(layers: readonly LayerSummary[], value: (layer: LayerSummary) => number | undefined): number | undefined {
  const known = values(layers, value);
  return known.length === 0 ? undefined : known.reduce((total, one) => total + one.value, 0);
}

/** Weighted by parameters. */
function mean(layers: readonly LayerSummary[], value: (layer: LayerSummary) => number | undefined): number | undefined {
  const known = values(layers, value);
  const weight = known.reduce((total, { layer }) => total + layer.parameters, 0);
  if (known.length === 0 || weight === 0) {
    return undefined;
  }
  return known.reduce((total, one) => total + one.value * one.layer.parameters, 0) / weight;
}
