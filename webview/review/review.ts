import './review.css';
import { Channel } from '../../src/protocol/channel';
import {
  REVIEW_PROTOCOL_VERSION,
  type ReviewHostSide,
  type ReviewState,
  type ReviewViewSide,
} from '../../src/protocol/review';
import { registerControls } from '../controls/toolkit';
import { reportErrors } from '../host/reportErrors';
import { windowLink } from '../host/vscodeApi';
import { ReviewView } from './reviewView';

/** The review panel: draws the state that the extension sends whole, and asks it for what the user wants. */
function start(): void {
  registerControls();
  const api = acquireVsCodeApi();
  const kept: unknown = api.getState();
  const showSame = typeof kept === 'object' && kept !== null && 'showSame' in kept && kept.showSame === true;
  const show = (state: ReviewState) => {
    // The extension reads the target back after a reload of the window.
    api.setState({ ...state.target, showSame: view.showSame });
    view.update(state);
  };
  const channel = new Channel<ReviewViewSide, ReviewHostSide>(
    windowLink(api),
    {},
    { 'state/changed': show },
    { version: REVIEW_PROTOCOL_VERSION },
  );
  const view = new ReviewView(
    (type, params, failed) => {
      channel.request(type, params).catch((error: unknown) => view.fail(failed, error));
    },
    showSame,
    (state, same) => api.setState({ ...state.target, showSame: same }),
  );
  reportErrors((message, stack) => channel.notify('view/error', { message, ...(stack !== undefined && { stack }) }));
  (document.getElementById('root') ?? document.body).append(view.element);
  channel.request('view/ready', null).then(show, (error: unknown) => view.fail('The changes were not read', error));
}

start();
