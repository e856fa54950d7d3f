import type { Pin } from '../../src/protocol/webviewProtocol';
import { showMenu, type MenuItem } from '../controls/menu';
import type { EditorModel } from '../editor/editorModel';
import { layerLoss } from '../text/numbers';

/** The menu that fixes a layer's widths: what each would cost stands beside it. */
export function showPinMenu(model: EditorModel, name: string, anchor: DOMRect): void {
  const layer = model.layerByName(name);
  const recipe = model.state?.recipe;
  const allocated = model.allocated(name);
  if (layer === undefined || recipe === undefined || allocated === undefined) {
    return;
  }
  const items: MenuItem[] = [];
  const pin = pinOf(model, name);
  if (layer.quantizeWeights.possible) {
    items.push({ kind: 'heading', label: `Weights · loss added, ${model.lossUnit}` });
    for (const bits of withFloat(recipe.weightBits)) {
      items.push({
        kind: 'choice',
        label: bits >= 32 ? 'float' : `${bits} bit`,
        checked: allocated.weightBits === bits,
        ...note(model, name, (candidate) => candidate.weightBits === bits, allocated.activationBits, 'activationBits'),
        run: () => model.setPin(name, { ...pin, layer: name, weightBits: bits >= 32 ? null : bits }),
      });
    }
  } else {
    items.push({ kind: 'heading', label: `Weights stay float: ${layer.quantizeWeights.reason}` });
  }
  if (layer.quantizeActivations.possible) {
    items.push({ kind: 'heading', label: 'Activations' });
    for (const bits of withFloat(recipe.activationBits)) {
      items.push({
        kind: 'choice',
        label: bits >= 32 ? 'float' : `${bits} bit`,
        checked: allocated.activationBits === bits,
        ...note(model, name, (candidate) => candidate.activationBits === bits, allocated.weightBits, 'weightBits'),
        run: () => model.setPin(name, { ...pin, layer: name, activationBits: bits >= 32 ? null : bits }),
      });
    }
  } else {
    items.push({ kind: 'heading', label: `Activations stay float: ${layer.quantizeActivations.reason}` });
  }
  const free = freePin(name, pin, allocated.pinned);
  if (free !== 'nothing') {
    items.push({ kind: 'heading', label: 'Pin' });
    items.push({ kind: 'choice', label: 'Leave to the allocation', run: () => model.setPin(name, free) });
  }
  showMenu(anchor, `Widths of ${layer.shortName}`, items);
}

export function pinOf(model: EditorModel, name: string): Pin | undefined {
  return model.state?.pins.find((pin) => pin.layer === name);
}

/** What undoes a pin: nothing unwritten is left, or the recipe's own word is overruled. */
function freePin(layer: string, pin: Pin | undefined, pinned: boolean): Pin | undefined | 'nothing' {
  if (pin !== undefined && pin.weightBits !== 'free') {
    return undefined;
  }
  return pinned ? { layer, weightBits: 'free', activationBits: 'free' } : 'nothing';
}

function withFloat(bits: readonly number[]): readonly number[] {
  return bits.some((width) => width >= 32) ? bits : [...bits, 32];
}

interface Candidate {
  readonly weightBits: number;
  readonly activationBits: number;
  readonly loss: number;
}

/** Loss of a candidate: at the other width as it is now, or the best where that pair was not measured. */
function note(
  model: EditorModel,
  name: string,
  matches: (candidate: Candidate) => boolean,
  other: number,
  field: 'weightBits' | 'activationBits',
): { note?: string } {
  const candidates = (model.measurement(name)?.candidates ?? []).filter(matches);
  const best =
    candidates.find((candidate) => candidate[field] === other) ?? [...candidates].sort((a, b) => a.loss - b.loss)[0];
  return best === undefined ? {} : { note: layerLoss(best.loss) };
}
