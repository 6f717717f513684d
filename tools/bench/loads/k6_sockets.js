// What k6 runs in the part about WebSockets.
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';

const text = 'x'.repeat(100);
const echoes = new Counter('echoes');
const wrong = new Counter('wrong');

export default function () {
  const until = exec.scenario.startTime + Number(__ENV.BENCH_SECONDS) * 1000;
  const ws = new WebSocket(__ENV.BENCH_URL);
  ws.onopen = () => ws.send(text);
  ws.onerror = () => wrong.add(1);
  ws.onmessage = (event) => {
    (event.data.length === text.length ? echoes : wrong).add(1);
    if (Date.now() < until) ws.send(text);
    else ws.close();
  };
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  const told = { requests: count('echoes'), failed: count('wrong') };
  return { stdout: 'BENCH ' + JSON.stringify(told) + '\n' };
}
