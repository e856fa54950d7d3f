import chevronDown from '@vscode/codicons/src/icons/chevron-down.svg';
import chevronUp from '@vscode/codicons/src/icons/chevron-up.svg';
import close from '@vscode/codicons/src/icons/close.svg';
import copy from '@vscode/codicons/src/icons/copy.svg';
import error from '@vscode/codicons/src/icons/error.svg';
import goToFile from '@vscode/codicons/src/icons/go-to-file.svg';
import info from '@vscode/codicons/src/icons/info.svg';
import listUnordered from '@vscode/codicons/src/icons/list-unordered.svg';
import pass from '@vscode/codicons/src/icons/pass.svg';
import pinned from '@vscode/codicons/src/icons/pinned.svg';
import search from '@vscode/codicons/src/icons/search.svg';
import settings from '@vscode/codicons/src/icons/settings.svg';
import warning from '@vscode/codicons/src/icons/warning.svg';

const sources = {
  chevronDown,
  chevronUp,
  close,
  copy,
  error,
  goToFile,
  info,
  listUnordered,
  pass,
  pinned,
  search,
  settings,
  warning,
};

export type IconName = keyof typeof sources;

/** A codicon as an inline drawing in the colour of the text. Hidden from screen readers: the text beside it speaks. */
export function icon(name: IconName): SVGElement {
  const parsed = new DOMParser().parseFromString(sources[name], 'image/svg+xml').documentElement;
  const node = document.importNode(parsed, true) as unknown as SVGElement;
  node.setAttribute('class', 'icon');
  node.setAttribute('aria-hidden', 'true');
  node.setAttribute('width', '16');
  node.setAttribute('height', '16');
  return node;
}
