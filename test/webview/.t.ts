import { fixture } from './fixtures/fixtureState';
console.time('huge');
const f = fixture('huge');
console.timeEnd('huge');
console.log(
  JSON.stringify(f.state).length,
  f.state.frontier.status === 'ready' && f.state.frontier.value.points.length,
);
