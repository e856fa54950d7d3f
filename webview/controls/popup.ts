import { element, type Child } from './element';

export interface Popup {
  readonly element: HTMLElement;
  close(): void;
}

let open: Popup | undefined;

/**
 * A small surface under an anchor, kept inside the window. Escape and clicks elsewhere close it; the focus goes back to
 * where it was. Only one is open at a time.
 */
export function showPopup(
  anchor: DOMRect,
  options: { readonly role: 'menu' | 'dialog'; readonly label: string; readonly class?: string },
  ...children: readonly Child[]
): Popup {
  open?.close();
  const before = document.activeElement;
  const surface = element(
    'div',
    {
      class: `popup ${options.class ?? ''}`,
      attributes: { role: options.role, 'aria-label': options.label, tabindex: -1 },
    },
    ...children,
  );
  const onPointerDown = (event: PointerEvent) => {
    if (!event.composedPath().includes(surface)) {
      popup.close();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      popup.close();
    }
  };
  const popup: Popup = {
    element: surface,
    close: () => {
      if (open !== popup) {
        return;
      }
      open = undefined;
      document.removeEventListener('pointerdown', onPointerDown, true);
      surface.remove();
      if (before instanceof HTMLElement || before instanceof SVGElement) {
        before.focus();
      }
    },
  };
  open = popup;
  surface.addEventListener('keydown', onKeyDown);
  document.addEventListener('pointerdown', onPointerDown, true);
  // Inside the landmark of the views, which screen readers list.
  (document.querySelector('main') ?? document.body).append(surface);
  place(surface, anchor);
  return popup;
}

export function closePopup(): void {
  open?.close();
}

function place(surface: HTMLElement, anchor: DOMRect): void {
  const size = surface.getBoundingClientRect();
  const margin = 4;
  const left = Math.max(margin, Math.min(anchor.left, window.innerWidth - size.width - margin));
  const below = anchor.bottom + margin;
  const top =
    below + size.height <= window.innerHeight - margin
      ? below
      : Math.max(margin, Math.min(anchor.top - size.height - margin, window.innerHeight - size.height - margin));
  surface.style.setProperty('left', `${left}px`);
  surface.style.setProperty('top', `${top}px`);
}
