import type { EditorModel } from './editorModel';
import { element, fill } from '../controls/element';
import { UNKNOWN, bytes, compact, count, exact, metricName, metricValue, share } from '../text/numbers';

interface Answer {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly title: string;
}

/** The strip under the title: how big, how much smaller, how accurate. Unknown is "–" and how to get it. */
export class AnswerStrip {
  readonly element = element('dl', { class: 'answers' });

  private drawn = '';

  update(model: EditorModel): void {
    const wanted = answers(model);
    const text = JSON.stringify(wanted);
    if (text === this.drawn) {
      return;
    }
    this.drawn = text;
    fill(
      this.element,
      ...wanted.map((answer) =>
        element(
          'div',
          { class: 'answer', title: answer.title },
          element('dt', { text: answer.label }),
          element(
            'dd',
            {},
            element('span', { class: 'answer-value', text: answer.value }),
            answer.note === '' ? undefined : element('span', { class: 'answer-note', text: answer.note }),
          ),
        ),
      ),
    );
  }
}

function answers(model: EditorModel): readonly Answer[] {
  return [parameters(model), macs(model), size(model), file(model), accuracyAnswer(model)];
}

function parameters(model: EditorModel): Answer {
  const summary = model.state?.model.status === 'ready' ? model.state.model.value : undefined;
  return {
    label: 'Parameters',
    value: summary === undefined ? UNKNOWN : exact(summary.parameters),
    note: summary === undefined ? '' : count(summary.layers.length, 'layer'),
    title: 'Elements of all constants of floating type',
  };
}

function macs(model: EditorModel): Answer {
  const summary = model.state?.model.status === 'ready' ? model.state.model.value : undefined;
  const known = summary?.macs;
  return {
    label: 'MACs',
    value: known === undefined ? UNKNOWN : compact(known),
    note: summary === undefined ? '' : known === undefined ? 'shapes unknown' : 'per sample',
    title: 'Multiply-accumulates for one sample',
  };
}

function size(model: EditorModel): Answer {
  const { allocation } = model;
  const title = 'Parameters × bits, as a share of the same weights in float32';
  if (allocation === undefined) {
    return { label: 'Size, nominal', value: UNKNOWN, note: toDo(model), title };
  }
  return { label: 'Size, nominal', value: share(allocation.size), note: `of ${bytes(allocation.floatBytes)}`, title };
}

function file(model: EditorModel): Answer {
  const { state } = model;
  if (state?.report.status === 'ready') {
    const { fileBytes, floatFileBytes } = state.report.value.size;
    return {
      label: 'File',
      value: bytes(fileBytes),
      note: `was ${bytes(floatFileBytes)}`,
      title: 'Bytes of the compressed file of the last run, and of the model it came from',
    };
  }
  const summary = state?.model.status === 'ready' ? state.model.value : undefined;
  const total =
    summary === undefined
      ? undefined
      : summary.externalFiles.reduce((sum, item) => sum + item.bytes, summary.fileBytes);
  return {
    label: 'File',
    value: total === undefined ? UNKNOWN : bytes(total),
    note: total === undefined ? '' : 'as opened',
    title: 'Bytes of the file, external data included',
  };
}

function accuracyAnswer(model: EditorModel): Answer {
  const { state } = model;
  const measured = state?.report.status === 'ready' ? state.report.value.accuracy : undefined;
  if (measured !== undefined) {
    return {
      label: metricName(measured.metric),
      value: metricValue(measured.metric, measured.deployed ?? measured.simulated),
      note: `${measured.deployed === undefined ? 'simulated, ' : ''}was ${metricValue(measured.metric, measured.float).replace(/\u00a0%$/, '')}`,
      title: `Measured on ${count(measured.samples, 'sample')}: ${measured.deployed === undefined ? 'simulated, since ONNX Runtime does not run the file by default' : `the exported network as ONNX Runtime runs it; simulated ${metricValue(measured.metric, measured.simulated)}`}`,
    };
  }
  const baseline = state?.measurements.status === 'ready' ? state.measurements.value.baseline : undefined;
  if (baseline !== undefined) {
    return {
      label: metricName(baseline.metric),
      value: metricValue(baseline.metric, baseline.value),
      note: 'float model',
      title: `The float network, measured on ${count(baseline.samples, 'sample')}`,
    };
  }
  return {
    label: 'Accuracy',
    value: UNKNOWN,
    note: toDo(model),
    title: 'The metric of the recipe on its evaluation data',
  };
}

/** How to get what is not known. */
function toDo(model: EditorModel): string {
  const { state } = model;
  if (state === undefined) {
    return '';
  }
  if (state.model.status === 'failed') {
    return '';
  }
  if (!state.trusted) {
    return 'needs trust';
  }
  return state.recipe === undefined ? 'needs a recipe' : 'Analyze to see';
}
